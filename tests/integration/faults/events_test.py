"""Events and the hold: what waits costs nothing, what is released does not swamp the app, and the kernel's queues are counted."""
import socket
import sys
import threading
import time

import pytest
import rig

IDLE_SHARE = 0.01 if not rig.IS_SANITIZED else 0.2


def assert_idle(p, what, before=0.0):
    """Under 1 % of a core more than before; further tries are for what still moved when the first began."""
    shares = []
    for _ in range(4):
        shares.append(p.cpu_share(1.0) - before)
        if shares[-1] < IDLE_SHARE:
            return
    raise AssertionError(f"{what} cost {', '.join(f'{share:.3f}' for share in shares)} of a core")


@pytest.mark.fault("V1", "100 half-closed clients of event streams cost less than 1 % of a core, and go on getting events", ci=1, soak=20)
def test_half_closed_event_streams_cost_nothing(proxy, app, losses):
    conns, more = [], threading.Event()

    def stream(conn):
        conn.message()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        more.wait(60)
        conn.send(b"data: 2\n\n")
    p = proxy(app(stream))
    for _ in losses.rounds():
        more.clear()
        conns = [p.connect() for _ in range(100)]
        for conn in conns:
            conn.send(rig.GET)
            assert b"data: 1" in conn.until(b"data: 1\n\n")
            conn.half_close()
        assert_idle(p, "100 half-closed event streams")
        more.set()
        for conn in conns:
            losses.served() if b"data: 2" in conn.rest() else losses.lost("the second event")
            conn.conn.close()


@pytest.mark.fault("V2", "99 held uploads cost less than 1 % of a core beside what one waiting request costs, and arrive whole", ci=1, soak=20)
def test_held_uploads_cost_nothing(proxy, app, losses):
    def count(conn):
        while True:
            head, body = conn.message()
            if not head:
                return
            conn.send(rig.named(str(len(body))))
    a = app(count)
    p = proxy(a)
    for _ in losses.rounds():
        port = a.port
        a.stop()
        rig.eventually(lambda: refused(port), "it is gone")
        one = p.connect()  # the app is looked for as long as anybody waits, which is not the uploads' cost
        one.send(rig.GET)
        time.sleep(0.5)
        before = max(p.cpu_share(), p.cpu_share())
        uploads = [p.connect() for _ in range(99)]
        for upload in uploads:
            upload.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"x" * 20_000)
        rig.eventually(lambda: p.status()["held"] == 100, "they wait")
        assert_idle(p, "99 held uploads", before)
        a = app(count, listener=socket.create_server(("127.0.0.1", port), backlog=1024))
        for upload in uploads:
            upload.send(b"x" * 180_000)
        for upload in uploads:
            losses.served() if upload.message()[1] == b"200000" else losses.lost("an upload")
            upload.conn.close()
        assert one.message()[1] == b"0"


def refused(port):
    try:
        rig.connect(port).conn.close()
        return False
    except ConnectionRefusedError:
        return True


@pytest.mark.fault("V3", "500 held requests are released to an app with a short backlog: paced, and none is lost", ci=1, soak=20)
def test_a_release_is_paced(proxy, app, losses):
    most, now, lock = [0], [0], threading.Lock()

    def slow(conn):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        while conn.message()[0]:
            time.sleep(0.005)
            conn.send(rig.OK)
        with lock:
            now[0] -= 1
    a = app(slow)
    p = proxy(a, "--shards", 1, "--app-max-connecting", 4, "--app-max-connections", 16)
    for _ in losses.rounds():
        port = a.port
        a.stop()
        rig.eventually(lambda: refused(port), "it is gone")
        clients = [p.connect() for _ in range(500)]
        for client in clients:
            client.send(rig.GET)
        rig.eventually(lambda: p.status()["held"] == 500, "they wait")
        most[0] = now[0] = 0
        a = app(slow, listener=socket.create_server(("127.0.0.1", port), backlog=4))
        for client in clients:
            losses.served() if client.message()[1] == b"ok" else losses.lost("a held request")
            client.conn.close()
        assert most[0] <= 16, f"{most[0]} connections at the same time"


@pytest.mark.fault("V4", "EAGAIN of a Unix socket with a backlog of 2: requests queue, and none is lost", ci=1, soak=20)
def test_a_full_unix_backlog_means_queueing(proxy, app, losses, tmp_path):
    path = tmp_path / "app.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(2)

    def slow(conn):
        while conn.message()[0]:
            time.sleep(0.002)
            conn.send(rig.named("unix"))
    app(slow, listener=listener)
    p = proxy(app(rig.answering()), policy={"hold": {"maxRequests": 2000}})
    done = p.command("reload", "--attach", f"unix:{path}")
    assert done.returncode == 0, done.stderr
    for _ in losses.rounds():
        clients = [p.connect() for _ in range(300)]
        for client in clients:
            client.send(rig.GET)
        for client in clients:
            head, body = client.message()
            losses.served() if body == b"unix" else losses.lost(f"{head!r}")
            client.conn.close()


@pytest.mark.fault("V5", "what waits in kernel queues counts for the hold's bytes: bounded, beyond it 503", ci=1, soak=20)
def test_kernel_queues_of_held_uploads_are_counted_and_bounded(proxy, losses):
    command = [sys.executable, rig.TOP / "tests/integration/apps/app.py", "--start-delay", "120"]
    for _ in losses.rounds():
        p = proxy(None, "--shards", 1, command=command, wait=False,
                  policy={"hold": {"maxBytes": "1Mi"}, "readiness": {"tcpSocket": {}, "startDeadlineSeconds": 300}})
        rig.eventually(lambda: not refused(p.port), "it listens")
        uploads, sent = [p.connect() for _ in range(100)], 0
        for upload in uploads:
            upload.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
            upload.conn.setblocking(False)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            for upload in uploads:
                try:
                    sent += upload.conn.send(b"x" * 65_536)
                except OSError:
                    pass
            time.sleep(0.01)
        counted = p.counter("sidestep_requests_held_bytes")
        held = p.status()["held"]
        refusals = 0
        for upload in uploads:
            upload.conn.settimeout(0.05)
            try:
                refusals += upload.message()[0].startswith("HTTP/1.1 503 ")
            except OSError:
                pass
            upload.conn.close()
        print(f"{sent} bytes sent, {counted:.0f} counted, {held} held, {refusals} refused")
        assert 0 < counted <= 2 << 20 and held < 100 and refusals > 0
        losses.served(refusals)
        p.stop()
