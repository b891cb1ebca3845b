"""Group H: descriptors, ports and memory run out, or are used up for a while."""
import ctypes
import os
import socket
import subprocess
import threading
import time

import pytest
import rig

CLONE_NEWNET = 0x40000000


@pytest.mark.skipif(os.environ.get("SIDESTEP_SANITIZED") == "asan", reason="this sanitizer cannot look at memory without a free descriptor")
@pytest.mark.fault("H1", "no descriptors are left: no spin, connections in use are served, idle ones make room for new ones", ci=1, soak=20)
def test_running_out_of_descriptors_costs_no_cpu_and_no_connection_in_use(proxy, quiet_app, losses):
    p = proxy(quiet_app(), limits=(150, 150))
    for _ in losses.rounds():
        with p.connect() as kept:
            kept.send(rig.GET)
            assert kept.message()[1] == b"ok"
            with rig.Crowd(p.port, 200) as crowd:  # wait in the kernel's queue, where they are not lost
                for _ in range(100):
                    kept.send(rig.GET)
                    losses.served() if kept.message()[1] == b"ok" else losses.lost("on a connection in use")
                assert p.cpu_share() < (0.1 if not rig.IS_SANITIZED else 0.5), "it spins"
                last = rig.Conn(crowd.conns.pop())
                last.send(rig.GET)
            losses.served() if last.message()[1] == b"ok" else losses.lost("the one that waited")
            last.conn.close()


def in_a_network_of_its_own(body, range_of_ports):
    """Runs body() in a thread whose sockets and children have a loopback with so many ports; returns what it raised."""
    failed = []

    def run():
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
                failed.append(None)
                return
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
                file.write(range_of_ports)
            body()
        except BaseException as error:  # handed to the test
            failed.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed and failed[0] is None:
        pytest.skip("this machine cannot make network namespaces")
    if failed:
        raise failed[0]


@pytest.mark.fault("H2", "no ports are left for connections to the app: requests wait, none is answered 502", ci=1, soak=20)
def test_running_out_of_ports_makes_requests_wait(proxy, losses, tmp_path):
    def body():
        app = rig.App(slow, listener=socket.create_server(("127.0.0.1", 20_001), backlog=1024))
        p = rig.Proxy.__new__(rig.Proxy)
        original, rig.free_port = rig.free_port, lambda: 20_002
        try:
            p.__init__(tmp_path / "proxy", app)
        finally:
            rig.free_port = original
        try:
            for _ in losses.rounds():
                clients = []
                for at in range(60):  # these have ports of their own
                    conn = socket.socket()
                    conn.bind(("127.0.0.1", 25_000 + at))
                    conn.connect(("127.0.0.1", p.port))
                    clients.append(rig.Conn(conn))
                    clients[-1].send(rig.GET)
                for client in clients:
                    head, body_ = client.message()
                    losses.served() if body_ == b"ok" else losses.lost(f"{head!r}")
                    client.reset()  # no TIME_WAIT on its port
        finally:
            p.stop()
            app.stop()

    def slow(conn):
        while conn.message()[0]:
            time.sleep(0.02)
            conn.send(rig.OK)

    in_a_network_of_its_own(body, "30000 30019")


@pytest.mark.fault("H4", "a slow client and a fast app of 200 MB: memory stays flat, and every byte arrives", ci=1, soak=20)
def test_a_slow_client_of_a_large_answer_costs_no_memory(proxy, app, losses):
    size = (200 if not rig.IS_SOAK else 1000) << 20

    def fast(conn):
        conn.message()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"x" * (1 << 20)
        for _ in range(size >> 20):
            conn.send(block)
    p = proxy(app(fast))
    for _ in losses.rounds():
        was, most, got = p.rss_mib(), 0.0, 0
        with p.connect() as client:
            client.send(rig.GET)
            client.until(b"\r\n\r\n")
            got = len(client.take(len(client.kept)))
            pauses = 10
            while got < size and (data := client.conn.recv(1 << 20)):
                got += len(data)
                if pauses:
                    pauses -= 1
                    time.sleep(0.1)
                    most = max(most, p.rss_mib())
        losses.served() if got == size else losses.lost(f"{got} of {size} bytes")
        assert most - was < 4 or rig.IS_SANITIZED, f"{most - was:.1f} MiB more"


@pytest.mark.fault("H5", "thousands of idle clients: user memory of each", ci=1, soak=20)
def test_an_idle_client_costs_less_than_half_a_kilobyte(proxy, quiet_app, losses):
    count = 10_000 if rig.IS_SOAK else 2_000
    rig.may_open(count + 500)
    p = proxy(quiet_app(), "--idle-timeout", "5m")
    for _ in losses.rounds():
        with rig.Crowd(p.port, 200, rig.GET):  # what is allocated once
            rig.eventually(lambda: p.counter("sidestep_client_connections_open") >= 200, "they are there")
        rig.eventually(lambda: p.counter("sidestep_client_connections_open") < 10, "they are gone")
        was = p.private_kib()
        with rig.Crowd(p.port, count, rig.GET) as crowd:
            rig.eventually(lambda: p.counter("sidestep_client_connections_open") >= count, "they are there")
            for conn in crowd.conns:
                losses.served() if conn.recv(4096).endswith(b"ok") else losses.lost("the first request")
            each = (p.private_kib() - was) * 1024 / count
            print(f"{each:.0f} bytes for each of {count}")
            assert each < (512 if rig.IS_SOAK else 1024) or rig.IS_SANITIZED, f"{each:.0f} bytes"


@pytest.mark.fault("H6", "after a burst memory comes back", ci=1, soak=20)
def test_memory_comes_back_after_a_burst(proxy, app, losses):
    def echo(conn):
        while True:
            head, body = conn.message()
            if not head:
                return
            conn.send(rig.named("x" * len(body)))
    p = proxy(app(echo))
    p.get()
    for _ in losses.rounds():
        was = p.rss_mib()
        clients = [p.connect() for _ in range(300)]
        for client in clients:
            client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + b"y" * 60_000)
        for client in clients:
            losses.served() if len(client.message()[1]) == 60_000 else losses.lost("a request of the burst")
        during = p.rss_mib()
        for client in clients:
            client.conn.close()
        rig.eventually(lambda: p.rss_mib() < was + 6 or rig.IS_SANITIZED, f"{during:.1f} MiB come back to {was:.1f}")


def answer(conn):
    """The head, and how many bytes its chunks hold; -1 when they are cut."""
    head = conn.until(b"\r\n\r\n").decode("latin-1")
    if "chunked" not in head:
        return head, -1
    size = 0
    while line := conn.until(b"\r\n").strip():
        if (length := int(line, 16)) == 0:
            return head, size if conn.exactly(2) else -1
        size += len(conn.exactly(length + 2)) - 2
    return head, -1


def is_kept(p):
    with p.connect() as one:
        one.send(rig.GET)
        return "close" not in answer(one)[0].lower()


@pytest.mark.skipif(rig.IS_SANITIZED, reason="what a program with a sanitizer needs for itself cannot be told from what it holds")
@pytest.mark.fault("H3", "memory runs short, by 500 heads that never end: kept connections go first, what is under way arrives whole, and memory "
                         "stays within its limit", ci=1, soak=20)
def test_short_memory_costs_kept_connections_and_nothing_under_way(proxy, quiet_app, losses):
    large, limit, heads = 1_000_000, 24, 500
    body = b"%x\r\n" % large + b"x" * large + b"\r\n0\r\n\r\n"
    p = proxy(quiet_app(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body),
              "--max-memory-bytes", f"{limit}Mi", "--header-timeout", "8s")
    for _ in losses.rounds():
        with p.connect() as kept, p.connect() as slow, rig.Crowd(p.port, 0) as crowd:
            kept.send(rig.GET)
            assert "close" not in answer(kept)[0].lower()
            answered = p.counter("sidestep_responses_total")
            slow.send(rig.GET)
            rig.eventually(lambda: p.counter("sidestep_responses_total") > answered, "one answer is under way")
            for i in range(heads):
                crowd.conns.append(socket.create_connection(("127.0.0.1", p.port)))
                crowd.conns[-1].sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 60_000)
                if i % 12 == 0:
                    time.sleep(0.1)
                    assert p.rss_mib() < limit, f"after {i} heads"
            assert kept.ends() == "fin", "the idle client is closed"
            assert p.counter('sidestep_limit_hits_total{limit="max_memory_bytes"}') > 0
            head, size = answer(slow)
            losses.served() if size == large else losses.lost(f"{size} bytes after {head!r}")
            with p.connect() as late:  # not read before the heads have had their time
                late.send(rig.GET)
                head, size = answer(late)
                refused = " 503 " in head and "retry-after" in head.lower()  # told in time, which is no loss
                losses.served() if refused or size == large else losses.lost(f"{size} bytes after {head!r}")

        rig.eventually(lambda: p.counter("sidestep_client_connections_open") < 5, "the heads are gone, those in the kernel's queue too")
        rig.eventually(lambda: is_kept(p), "connections are kept again")
