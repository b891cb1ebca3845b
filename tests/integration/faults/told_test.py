"""Group B: clients are told before a connection ends, and what they had asked is answered."""
import random
import re
import select
import subprocess
import threading
import time

import pytest
import rig

QUIET = {"shutdown": {"gracePeriodSeconds": 12, "endpointsGraceSeconds": 1}}


def pod_ends(proxy):
    """The preStop hook; returns its process. Requests are served until none has come for a second."""
    hook = subprocess.Popen([rig.BINS / "sidestep", "pod-ending", "--control", proxy.control], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    rig.eventually(lambda: all(announces(proxy) for _ in range(8)), "every shard announces the end")
    return hook


def announces(proxy):
    with proxy.connect() as client:
        client.send(rig.GET)
        return closes(client.message()[0])


def closes(head):
    return re.search(r"(?im)^connection: close\r$", head) is not None


@pytest.mark.fault("B1", "idle clients ask once more while the pod ends: served, told, and only then closed", ci=1, soak=20)
def test_an_idle_client_is_told_before_it_is_closed(proxy, app, losses):
    for _ in losses.rounds():
        p = proxy(app(rig.answering()), policy=QUIET)
        clients = [p.connect() for _ in range(200)]
        for client in clients:
            client.send(rig.GET)
            assert not closes(client.message()[0])
        hook, began = pod_ends(p), time.monotonic()
        moments = sorted(random.uniform(0, 2) for _ in clients)
        for client, moment in zip(clients, moments):
            time.sleep(max(0, began + moment - time.monotonic()))
            client.send(rig.GET)
            head, body = client.message()
            if body != b"ok":
                losses.lost(f"{head!r} {moment:.2f} s into the end")
                continue
            losses.served()
            assert closes(head) and client.ends() == "fin"
        assert hook.wait(20) == 0
        p.stop()


@pytest.mark.fault("B2", "pipelined requests when the end is announced: all answered, the last one carries close", ci=3)
def test_pipelined_requests_are_answered_before_the_announced_end(proxy, app, losses):
    for _ in losses.rounds():
        asked, go = threading.Event(), threading.Event()

        def handle(conn):
            while head := conn.message()[0]:
                if "/first" in head:
                    asked.set()
                    go.wait(20)
                conn.send(rig.OK)
        p = proxy(app(handle), policy=QUIET)
        client = p.connect()
        client.send(b"".join(rig.GET.replace(b" / ", b" /%s " % name) for name in (b"first", b"second", b"third", b"fourth")))
        assert asked.wait(20)
        hook = pod_ends(p)
        go.set()
        heads = [client.message()[0] for _ in range(4)]
        for head in heads:
            losses.served() if head.startswith("HTTP/1.1 200 ") else losses.lost(f"{head!r}")
        assert [closes(head) for head in heads] == [False, False, False, True] and client.ends() == "fin"
        assert hook.wait(20) == 0
        p.stop()


@pytest.mark.fault("B2", "pipelined requests and then a half-close: all answered")
def test_pipelined_requests_before_a_half_close_are_all_answered(proxy, app, losses):
    p = proxy(app(rig.answering()))
    for _ in losses.rounds():
        for gap in (False, True):
            client = p.connect()
            client.send(rig.GET * 5)
            if gap:
                client.until(b"\r\n\r\nok")
            client.half_close()
            got = client.rest().count(b"\r\n\r\nok") + gap
            losses.served(got)
            if got < 5:
                losses.lost(f"{got} of 5 answers, gap {gap}", 5 - got)


PAGE = b"e" * 400_000


def early(answer, drains):
    def handle(conn):
        conn.until(b"\r\n\r\n")
        conn.send(answer + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
        conn.half_close()
        if drains:
            conn.rest()
        else:
            time.sleep(0.1)  # the answer is on its way; then a close with unread bytes resets
    return handle


@pytest.mark.fault("B7", "an early answer of 400 KB arrives whole while the body is still coming", ci=2)
@pytest.mark.parametrize("answer, drains, expect", [(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n", True, b""), (b"HTTP/1.1 401 Unauthorized\r\n", True, b""),
                                                    (b"HTTP/1.1 200 OK\r\n", False, b""), (b"HTTP/1.1 417 Expectation Failed\r\n", True, b"Expect: 100-continue\r\n")],
                         ids=["413", "401", "app_closes", "100_refused"])
def test_an_early_answer_arrives_whole(proxy, app, losses, answer, drains, expect):
    p = proxy(app(early(answer, drains)))
    for _ in losses.rounds():
        client = p.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\n%sContent-Length: 3000000\r\n\r\n" % expect)

        def upload(client=client):
            try:
                client.send(b"b" * (0 if expect else 3_000_000))
            except OSError:
                pass
        sender = threading.Thread(target=upload)
        sender.start()
        head, body = client.message()
        sender.join()
        losses.served() if body == PAGE else losses.lost(f"{len(body)} of {len(PAGE)} bytes after {head[:60]!r}")


@pytest.mark.fault("B9", "new connections while the pod ends are served until none come, then the listener goes", ci=1, soak=20)
def test_new_connections_are_served_until_none_come(proxy, app, losses):
    for _ in losses.rounds():
        p = proxy(app(rig.answering()), policy=QUIET)
        hook, began = pod_ends(p), time.monotonic()
        while time.monotonic() < began + 2:  # endpoints lag behind
            head, body = p.get()
            losses.served() if body == b"ok" else losses.lost(f"{head!r}")
            assert closes(head)
        assert hook.wait(20) == 0
        rig.eventually(lambda: p.status()["active"] is None or refused(p.port), "nothing is accepted any more")
        p.stop()


@pytest.mark.fault("B5", "5000 idle clients are let go while the pod ends: no tenth of that time sees more than twice its share", ci=1, soak=20)
def test_idle_clients_of_a_pod_that_ends_are_let_go_one_after_the_other(proxy, app, losses):
    many = 5000
    rig.may_open(2 * many + 200)
    for _ in losses.rounds():
        p = proxy(app(rig.answering()), policy=QUIET)
        poll, clients, ends = select.epoll(), {}, []
        for _ in range(many):
            client = p.connect()
            client.send(rig.GET)
            losses.served() if client.message()[1] == b"ok" else losses.lost("the only request of a client")
            clients[client.conn.fileno()] = client
            poll.register(client.conn, select.EPOLLIN)
        hook = pod_ends(p)
        while len(ends) < many:
            for fd, _ in poll.poll(20):
                assert clients[fd].ends() == "fin"
                ends.append(time.monotonic())
                poll.unregister(fd)
        assert hook.wait(20) == 0
        window = ends[-1] - ends[0]
        assert window > 1.2, f"all of them within {window:.2f} s"
        tenths = [0] * 10
        for moment in ends:
            tenths[min(9, int((moment - ends[0]) / window * 10))] += 1
        assert max(tenths) <= 2 * many / 10, tenths
        for client in clients.values():
            client.conn.close()
        p.stop()


def refused(port):
    try:
        rig.connect(port).conn.close()
        return False
    except ConnectionRefusedError:
        return True
