"""Limits of clients as real connections meet them: each is named in docs/limits.md and counted in /metrics."""
import os
import re
import socket
import time

from conftest import eventually, free_port

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def connect(service, source="127.0.0.1"):
    s = socket.create_connection(("127.0.0.1", service.port), timeout=10, source_address=(source, 0))
    return s


def answer(s):
    """One small answer, or nothing when the connection has ended."""
    got = b""
    while b"\r\n\r\n" not in got:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return b""
        if not more:
            return got
        got += more
    return got


def takes_answers(s, count=1):
    """Whole answers of the app, and nothing behind them."""
    got = b""
    while got.count(b"\r\n\r\none\n") < count:
        more = s.recv(65536)
        assert more, got
        got += more
    assert got.count(b"HTTP/1.1 200") == count and got.endswith(b"one\n")


def metrics(service):
    with socket.create_connection(("127.0.0.1", service.control_port), timeout=10) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()


def counted(service):
    """sidestep_limit_hits_total by name, without zeros."""
    found = re.findall(r'sidestep_limit_hits_total\{limit="(\w+)"\} (\d+)', metrics(service))
    return {name: int(hits) for name, hits in found if int(hits)}


def open_clients(service):
    return int(re.search(r"^sidestep_client_connections_open (\d+)", metrics(service), re.M).group(1))


def is_counted(service, *names, times=1):
    eventually(lambda: all(counted(service).get(name, 0) >= times for name in names), f"{names} are counted", seconds=5)


def begin(service, *words, **settings):
    control_port = free_port()
    s = service(words=("--control-listen", f"127.0.0.1:{control_port}", *words), **settings)
    s.control_port = control_port
    return s


def test_a_body_beyond_its_bound_is_answered_413_whether_its_length_was_told_or_not(service):
    s = begin(service, "--max-body-bytes", "1Ki")
    for head, body in (("Content-Length: 1024", b"x" * 1024), ("Transfer-Encoding: chunked", b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n")):
        with connect(s) as c:
            c.sendall(f"POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode() + body)
            assert answer(c).startswith(b"HTTP/1.1 200")
    for head, body in (("Content-Length: 1025", b""), ("Transfer-Encoding: chunked", b"401\r\n" + b"x" * 1025 + b"\r\n")):
        with connect(s) as c:
            c.sendall(f"POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode() + body)
            assert answer(c).startswith(b"HTTP/1.1 413")
    is_counted(s, "max_body_bytes", times=2)


def test_one_source_has_so_many_connections_over_all_shards_and_others_have_theirs(service):
    s = begin(service, "--max-clients-per-source", "3", "--shards", "2")
    time.sleep(0.1)  # the readiness of the fixture asked over connections that are closed
    held = []
    for _ in range(3):
        held.append(connect(s, "127.0.0.9"))
        held[-1].sendall(ASK)
        assert answer(held[-1]).startswith(b"HTTP/1.1 200")
    with connect(s, "127.0.0.9") as fourth:
        assert answer(fourth) == b""
    with connect(s, "127.0.0.10") as other:
        other.sendall(ASK)
        assert answer(other).startswith(b"HTTP/1.1 200")
    held.pop().close()

    def again():
        with connect(s, "127.0.0.9") as c:
            c.sendall(ASK)
            return answer(c).startswith(b"HTTP/1.1 200")

    eventually(again, "the place of one that went is free")
    is_counted(s, "max_clients_per_source")
    for one in held:
        one.close()


def test_times_and_numbers_of_one_connection_are_counted(service):
    s = begin(service, "--header-timeout", "200ms", "--idle-timeout", "1s", "--max-requests-per-connection", "2", "--max-headers", "16",
              "--max-target-bytes", "256", "--max-head-bytes", "1Ki", "--body-timeout", "200ms")
    many = b"".join(b"X-%d: 1\r\n" % i for i in range(20))
    cases = {b"GET / HTTP/1.1\r\nHost:": b" 408 ", b"GET /" + b"a" * 300 + b" HTTP/1.1\r\nHost: a\r\n\r\n": b" 414 ",
             b"GET / HTTP/1.1\r\nHost: a\r\n" + many + b"\r\n": b" 431 ", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1200 + b"\r\n\r\n": b" 431 ",
             b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx": b" 408 "}
    for sent, status in cases.items():
        with connect(s) as c:
            c.sendall(sent)
            assert status in answer(c), sent
    with connect(s) as c:
        c.sendall(ASK)
        first = answer(c)
        c.sendall(ASK)
        assert b"Connection: close" not in first and b"Connection: close" in answer(c)
    with connect(s) as c:
        c.sendall(ASK)
        takes_answers(c)
        assert c.recv(100) == b""  # idle for too long
    is_counted(s, "header_timeout", "max_target_bytes", "max_headers", "max_head_bytes", "body_timeout", "max_requests_per_connection",
               "idle_timeout")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_out_of_descriptors_the_idle_make_room_and_nothing_spins(service):
    held = []
    s = begin(service, "--shards", "1", nofile=96)
    try:
        for _ in range(200):  # each is served, and stays
            c = connect(s)
            held.append(c)
            c.sendall(ASK)
            assert answer(c).startswith(b"HTTP/1.1 200")
        is_counted(s, "descriptors")
        silent = [connect(s) for _ in range(150)]  # more than there is room for: they wait in the kernel
        held += silent
        time.sleep(0.2)
        began = cpu_seconds(s.worker())
        time.sleep(1)
        assert cpu_seconds(s.worker()) - began < 0.3
    finally:
        for one in held:
            one.close()
    eventually(lambda: s.get()[0] == 200, "it serves on")


def test_silent_clients_go_on_where_they_were_and_are_closed_when_their_time_is_over(service):
    """Clients that are silent for a second live on in few bytes each: nothing of that may be seen."""
    s = begin(service, "--idle-timeout", "3s", "--max-clients", "5")
    clients = [connect(s) for _ in range(4)]
    for c in clients:
        c.sendall(ASK)
        takes_answers(c)
    eventually(lambda: open_clients(s) == 4, "all are counted")
    time.sleep(1.6)  # they are parked by then
    assert open_clients(s) == 4
    asked_again, sends_half, leaves, _ = clients
    asked_again.sendall(ASK + ASK)
    takes_answers(asked_again, 2)
    sends_half.sendall(ASK[:9])
    leaves.close()
    eventually(lambda: open_clients(s) == 3, "who left is gone")
    sends_half.sendall(ASK[9:])
    takes_answers(sends_half)
    assert counted(s) == {}
    eventually(lambda: counted(s).get("idle_timeout", 0) == 1, "the one that stayed silent is closed", seconds=3)
    eventually(lambda: counted(s).get("idle_timeout", 0) == 3, "and so are the others, later", seconds=5)
    assert open_clients(s) == 0
    for c in clients:
        c.close()


def test_parked_clients_count_against_the_bound_and_end_with_the_proxy(service):
    s = begin(service, "--max-clients", "2", "--shards", "1")
    clients = [connect(s), connect(s)]
    for c in clients:
        c.sendall(ASK)
        takes_answers(c)
    time.sleep(1.6)
    with connect(s) as third:
        third.sendall(ASK)
        third.settimeout(0.3)
        try:
            assert answer(third) == b"", "there is no place for it"
        except TimeoutError:
            pass
        is_counted(s, "max_clients")
    assert s.terminate() == 0
    assert [c.recv(10) for c in clients] == [b"", b""]
