"""Group C: connections to the app that end at the wrong moment, what may be sent again, and the move from one app to the next."""
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import rig

KEPT = 0.3  # seconds that the app keeps an idle connection


class Closing:
    """An app that closes a connection that was idle for KEPT seconds, and counts how often each id was executed."""

    def __init__(self):
        self.executed, self.lock = {}, threading.Lock()

    def __call__(self, conn):
        while True:
            conn.conn.settimeout(KEPT)
            try:
                head, _ = conn.message()
            except socket.timeout:
                return
            if not head:
                return
            with self.lock:
                name = head.split(" ")[1]
                self.executed[name] = self.executed.get(name, 0) + 1
            conn.send(rig.OK)


def around_the_close(p, number, method, losses, lock):
    """Two requests on one connection, the second at the moment when the app closes the idle connection."""
    statuses = []
    with p.connect() as client:
        for turn in range(2):
            if turn:
                time.sleep(KEPT + random.uniform(-0.005, 0.005))
            body = b"Content-Length: 2\r\n\r\nhi" if method == "POST" else b"\r\n"
            client.send(f"{method} /{number}-{turn} HTTP/1.1\r\nHost: a\r\n".encode() + body)
            head, _ = client.message()
            statuses.append(head.split(" ")[1] if head else "none")
    with lock:
        for status in statuses:
            losses.served() if status == "200" else losses.lost(f"{method} answered {status}")


@pytest.mark.fault("C1", "the app closes an idle connection just when a request comes", ci=2)
@pytest.mark.parametrize("method, pool_idle", [("GET", "10s"), ("POST", "150ms")], ids=["GET", "POST_with_a_shorter_pool"])
def test_a_request_that_meets_the_close_of_an_idle_connection(proxy, app, losses, method, pool_idle):
    counting, lock = Closing(), threading.Lock()
    p = proxy(app(counting), "--app-idle-timeout", pool_idle)
    for number in losses.rounds():
        with ThreadPoolExecutor(32) as clients:
            list(clients.map(lambda at: around_the_close(p, f"{number}-{at}", method, losses, lock), range(32)))
    if method == "POST":
        assert max(counting.executed.values()) == 1, "executed twice"


@pytest.mark.fault("C1", "POSTs that meet the app's own close although the pool keeps longer: never executed twice", ci=2)
def test_posts_that_meet_the_apps_close_are_never_executed_twice(proxy, app, losses):
    counting, lock = Closing(), threading.Lock()
    p = proxy(app(counting), "--app-idle-timeout", "10s")
    seen = type("Seen", (), {"ambiguous": 0, "served": lambda self: losses.served(), "lost": lambda self, what: setattr(self, "ambiguous", self.ambiguous + 1)
                             if what.endswith("502") else losses.lost(what)})()
    for number in losses.rounds():
        with ThreadPoolExecutor(32) as clients:
            list(clients.map(lambda at: around_the_close(p, f"{number}-{at}", "POST", seen, lock), range(32)))
    assert max(counting.executed.values()) == 1, "executed twice"
    outcomes = p.counter('sidestep_request_outcomes_total')
    assert outcomes >= 64 and seen.ambiguous <= 64 * losses.n * 0.1, f"{seen.ambiguous} ambiguous"


@pytest.mark.fault("C3", "bytes that nobody asked for on an idle connection: the next client does not get them", ci=10)
def test_unasked_bytes_on_an_idle_connection_reach_nobody(proxy, app, losses):
    more, sent = threading.Event(), threading.Event()

    def handle(conn):
        while conn.message()[0]:
            conn.send(rig.OK)
            if more.is_set():
                more.clear()
                time.sleep(0.005)
                conn.send(rig.named("evil"))
                sent.set()
    p = proxy(app(handle), "--shards", 1)
    for _ in losses.rounds():
        more.set()
        for at in range(4):
            _, body = p.get()
            losses.served() if body == b"ok" else losses.lost(f"{body!r}")
            assert at or sent.wait(20)
            time.sleep(0 if at else 0.005)  # a busy kernel delivers late
        sent.clear()


@pytest.mark.fault("C4", "the app closes behind its answer without a word, or says 408 on an idle connection", ci=5)
@pytest.mark.parametrize("behind", [b"", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"], ids=["close", "408"])
def test_an_app_that_ends_connections_as_it_likes_costs_nothing(proxy, app, losses, behind):
    ended = threading.Event()

    def handle(conn):
        for _ in range(random.randint(1, 3)):
            if not conn.message()[0]:
                return
            conn.send(rig.OK)
        if behind:
            time.sleep(0.005)
            conn.send(behind)
            conn.half_close()
            ended.set()
    # Every other request meets an end: more than retries are allowed for where nothing else is said.
    p = proxy(app(handle), "--retry-budget-percent", 100)
    for _ in losses.rounds():
        with p.connect() as client:
            for at in range(20):
                client.send(rig.GET)
                head, body = client.message()
                losses.served() if body == b"ok" else losses.lost(f"{at}: {head!r}")
                if behind and ended.wait(0.03):  # an answer that is sent while a request is under way is that request's
                    ended.clear()
                    time.sleep(0.05)


@pytest.mark.fault("C6", "1000 requests queue for a connection to A when B takes over", ci=1, soak=20)
def test_requests_that_queue_for_a_go_to_b(proxy, app, losses):
    for _ in losses.rounds():
        go, asked = threading.Event(), threading.Event()

        def busy(conn):
            while conn.message()[0]:
                asked.set()
                go.wait(30)
                conn.send(rig.named("a"))
        p = proxy(app(busy), "--app-max-connections", 1, policy={"hold": {"maxRequests": 2000}})
        clients = [p.connect() for _ in range(1001)]
        clients[0].send(rig.GET)
        assert asked.wait(20)
        for client in clients[1:]:
            client.send(rig.GET)
        rig.eventually(lambda: p.status()["held"] == 1000, "1000 wait", 30)
        b = app(rig.answering(rig.named("b")))
        reloading = threading.Thread(target=p.reload, args=(b,))
        reloading.start()
        for client in clients[1:]:
            head, body = client.message()
            losses.served() if body == b"b" else losses.lost(f"{head!r} {body!r}")
        go.set()
        assert clients[0].message()[1] == b"a"
        reloading.join()
        for client in clients:
            client.conn.close()
        p.stop()


@pytest.mark.fault("C8", "only the app dies: requests wait and are served by the next one; beyond the bound 503 with Retry-After")
def test_a_dead_app_makes_requests_wait_within_bounds(proxy, app, losses):
    a = app(rig.answering())
    p = proxy(a, "--shards", 1, policy={"hold": {"maxRequests": 50, "timeoutSeconds": 20}})  # each shard has its part of the bound
    for _ in losses.rounds():
        port = a.port
        a.stop()
        rig.eventually(lambda: dead(port), "it is gone")
        held = [p.connect() for _ in range(50)]
        for client in held:
            client.send(rig.GET)
        rig.eventually(lambda: p.status()["held"] == 50, "50 wait")
        head, _ = p.get()
        assert head.startswith("HTTP/1.1 503 ") and "\r\nRetry-After: " in head, head
        a = app(rig.answering(), listener=socket.create_server(("127.0.0.1", port), backlog=1024))
        for client in held:
            head, body = client.message()
            losses.served() if body == b"ok" else losses.lost(f"{head!r}")
            client.conn.close()


def dead(port):
    try:
        rig.connect(port).conn.close()
        return False
    except ConnectionRefusedError:
        return True


def unready(kind, ready):
    """Listens, but is not ready in one of the ways in which apps are not."""
    def handle(conn):
        while head := conn.message()[0]:
            probe = "GET /readyz " in head
            if probe and kind == "silent" and not ready.wait(20):
                return
            if probe and kind == "503" and not ready.is_set():
                conn.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            elif probe and kind == "host" and "\r\nHost: health.example\r\n" not in head:
                conn.send(b"HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n")
            elif probe and kind == "404":
                conn.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            elif probe and kind == "redirect":
                conn.send(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n")
            else:
                conn.send(rig.named("b") if probe or ready.is_set() else rig.named("early"))
    return handle


@pytest.mark.fault("C9", "B listens before it is ready", ci=1, soak=20)
@pytest.mark.parametrize("kind, moves", [("silent", True), ("503", True), ("host", True), ("redirect", True), ("404", False)])
def test_the_gate_holds_until_the_app_is_ready(proxy, app, losses, kind, moves):
    readiness = {"httpGet": {"path": "/readyz", **({"host": "health.example"} if kind == "host" else {})}, "periodMilliseconds": 30, "startDeadlineSeconds": 2}
    for _ in losses.rounds():
        ready = threading.Event()
        p = proxy(app(rig.answering(rig.named("a"))), policy={"readiness": readiness})
        b = app(unready(kind, ready))
        verdict = []
        reloading = threading.Thread(target=lambda: verdict.append(p.reload(b, expect=0 if moves else 1)))
        reloading.start()
        rig.eventually(lambda: b.connections > 0, "it is asked")
        until = time.monotonic() + 0.3
        while time.monotonic() < until and kind not in ("host", "redirect"):
            _, body = p.get()
            losses.served() if body == b"a" else losses.lost(f"{body!r} before it was ready")
        ready.set()
        reloading.join()
        assert verdict[0]["phase"] == ("Succeeded" if moves else "Failed"), verdict
        assert p.get()[1] == (b"b" if moves else b"a")
        p.stop()


@pytest.mark.fault("C10", "the drain's limit is reached with uploads under way: told with 503, counted, and the rest goes on", ci=1, soak=20)
def test_uploads_at_the_drains_limit_are_answered_and_counted(proxy, app, losses):
    for _ in losses.rounds():
        begun = threading.Semaphore(0)

        def swallow(conn):
            head = conn.until(b"\r\n\r\n")
            if b"POST" in head:
                begun.release()
                conn.rest()
            else:
                conn.send(rig.OK)
        p = proxy(app(swallow), policy={"drain": {"http": {"timeoutSeconds": 1}}})
        uploads = [p.connect() for _ in range(5)]
        for upload in uploads:
            upload.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        for _ in uploads:
            assert begun.acquire(timeout=20)
        reload = p.reload(app(rig.answering()))
        for upload in uploads:
            head, _ = upload.message()
            assert head.startswith("HTTP/1.1 503 ") and "\r\nConnection: close\r\n" in head, head
        assert reload["phase"] == "Succeeded" and reload["receipt"]["failed"] == 5, reload
        losses.served() if p.get()[1] == b"ok" else losses.lost("the next request")
        p.stop()


@pytest.mark.fault("C12", "the only app answers 500 on one route: it goes on being asked")
def test_an_app_that_answers_500_is_not_taken_out(proxy, app, losses):
    def handle(conn):
        while head := conn.message()[0]:
            conn.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n" if "/bad" in head else rig.OK)
    p = proxy(app(handle))
    for _ in losses.rounds():
        for at in range(100):
            head, body = p.get("/bad" if at % 5 else "/good")
            good = head.startswith("HTTP/1.1 500 Oops") if at % 5 else body == b"ok"
            losses.served() if good else losses.lost(f"{head!r}")
    assert p.status()["ready"]


@pytest.mark.fault("C13", "an app that refuses connections is tried by one connect at a time, and seldom", ci=1, soak=20)
def test_a_dead_app_is_tried_by_one_connect_at_a_time(proxy, app, losses):
    a = app(rig.answering())
    p = proxy(a)
    port = a.port
    for _ in losses.rounds():
        a.stop()
        rig.eventually(lambda: dead(port), "it is gone")
        clients = [p.connect() for _ in range(100)]
        for client in clients:
            client.send(rig.GET)
        rig.eventually(lambda: p.status()["held"] == 100, "all wait")
        before, began = p.counter("sidestep_app_connect_failures_total"), time.monotonic()
        time.sleep(1)
        tried = (p.counter("sidestep_app_connect_failures_total") - before) / (time.monotonic() - began)
        assert tried < 45, f"{tried:.0f} connects a second to a dead app"
        a = app(rig.answering(), listener=socket.create_server(("127.0.0.1", port), backlog=1024))
        for client in clients:
            losses.served() if client.message()[1] == b"ok" else losses.lost("a held request")
            client.conn.close()


@pytest.mark.fault("C14", "an app that answers nothing and closes: retries stay within a fifth", ci=1, soak=20)
def test_a_failing_app_gets_a_fifth_more_at_most(proxy, app, losses):
    for _ in losses.rounds():
        asked = []

        def handle(conn):
            if conn.message()[0]:
                asked.append(1)
        p = proxy(app(handle))
        for _ in range(400):
            assert p.get()[0].startswith("HTTP/1.1 502 ")
        losses.served(400)
        assert len(asked) <= 400 * 1.2 + 10, f"{len(asked)} requests for 400"
        p.stop()
