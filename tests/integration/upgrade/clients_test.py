"""What other kinds of clients see when the proxy replaces itself: TLS on either side, PROXY headers, HTTP/2, gRPC."""
import os
import select
import socket
import struct
import sys
import time
from pathlib import Path

import pytest
from conftest import SLOWER, at_the_app
from service import IS_SANITIZED, assert_nothing_lost, eventually, free_port, get

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "tls"), str(HERE.parent / "h2")]
import frames  # noqa: E402
import served  # noqa: E402


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return served.Authority(tmp_path_factory.mktemp("authority"))


def test_tls_goes_on_and_sessions_are_resumed_in_the_next_worker(start, authority, tmp_path):
    port = free_port()
    pair = authority.make(tmp_path / "one", "one", "DNS:one.example")
    proxy = start("--listen", f"tls://127.0.0.1:{port}", "--tls-certificate", pair)
    context = served.client(authority)

    def connect(session=None):
        raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        return context.wrap_socket(raw, server_hostname="one.example", session=session)

    kept, early = connect(), connect()
    served.ask(kept, "/version")
    session = kept.session
    early.sendall(b"GET /slow?ms=%d HTTP/1.1\r\nHost: one.example\r\n\r\n" % (700 * SLOWER))  # asked in one worker, answered while the next one serves
    proxy.upgrade()
    with early, connect(session) as fresh:
        assert fresh.session_reused
        served.ask(fresh, "/version")
        assert b" 200 " in early.recv(4096)
    with kept:
        kept.sendall(b"GET /version HTTP/1.1\r\nHost: one.example\r\n\r\n")
        told = kept.recv(4096)
        assert told.startswith(b"HTTP/1.1 200") and b"connection: close" in told.lower()
        while kept.recv(4096):  # the rest, then an end that is announced within TLS
            pass
    proxy.one_worker()


def test_a_proxy_header_that_comes_in_two_parts_is_read_whole(start):
    port = free_port()
    proxy = start("--listen", f"proxy://127.0.0.1:{port}", "--trust-forwarded", "127.0.0.0/8")
    header = b"PROXY TCP4 192.0.2.7 198.18.0.1 56324 443\r\n"
    request = b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as begun:
        begun.sendall(header[:20])
        eventually(lambda: proxy.metric("sidestep_client_connections_open") >= 1, "it is accepted")
        proxy.upgrade()
        with socket.create_connection(("127.0.0.1", port), timeout=20) as fresh:
            fresh.sendall(header + request)
            assert fresh.recv(4096).startswith(b"HTTP/1.1 200")
        begun.sendall(header[20:] + request)
        assert begun.recv(4096).startswith(b"HTTP/1.1 200")
    proxy.one_worker()


def goaways(kinds):
    return [struct.unpack(">II", payload[:8]) for kind, _, _, payload in kinds if kind == frames.GOAWAY]


@pytest.mark.fault("B3", "a client of HTTP/2 is told in two steps, and what crosses the first is answered", ci=1, soak=20)
def test_an_http2_client_is_told_in_two_steps_and_what_it_asked_before_is_answered(start):
    proxy = start()
    peer = frames.Peer(proxy.port)
    headers = frames.END_STREAM | frames.END_HEADERS
    peer.send(frames.frame(frames.SETTINGS, 1, 0) + frames.frame(frames.HEADERS, headers, 1, frames.block(path=b"/slow?ms=%d" % (900 * SLOWER))))
    at_the_app(proxy)
    proxy.upgrade()
    seen = []
    for frame in peer.frames():
        kind, flags, stream, payload = frame
        seen.append(frame)
        if kind == frames.GOAWAY and len(goaways(seen)) == 1:  # another one that crosses it
            peer.send(frames.frame(frames.HEADERS, headers, 3, frames.block(path=b"/version")))
        if kind == frames.PING and not flags & 1:
            peer.send(frames.frame(frames.PING, 1, 0, payload))
    assert goaways(seen) == [(2**31 - 1, 0), (3, 0)]
    ended = {stream for kind, flags, stream, _ in seen if kind == frames.DATA and flags & frames.END_STREAM}
    assert ended == {1, 3}
    proxy.one_worker()


@pytest.mark.fault("B4", "requests of HTTP/2 race the last GOAWAY: answered, or provably not processed", ci=1, soak=20)
def test_upgrades_under_http2_lose_nothing(start, load):
    proxy = start()
    running = load(proxy, [{"name": "h2", "kind": "h2", "clients": 16, "pauseMs": 2}, {"name": "h2slow", "kind": "h2", "clients": 4, "path": "/slow?ms=200"},
                           {"name": "h2order", "kind": "h2order", "clients": 8, "perSecond": 10}])
    for _ in range(3):
        proxy.upgrade()
    assert_nothing_lost(running.finish())
    proxy.one_worker()


@pytest.mark.fault("A1", "the worker is replaced while it speaks TLS to the app", ci=1, soak=20)
@pytest.mark.parametrize("protocol", ["http1", "h2"])
def test_upgrades_over_tls_to_the_app_lose_nothing(start, load, losses, authority, tmp_path, protocol):
    pair = authority.make(tmp_path / "app", "app", "DNS:shop.example")
    proxy = start("--app-tls", "--app-tls-ca", authority.ca, "--app-tls-server-name", "shop.example", "--app-protocol", protocol, app_options=["--tls", pair])
    running = load(proxy, [{"kind": "get", "clients": 16}, {"kind": "fresh", "perSecond": 100}, {"name": "slow", "kind": "get", "clients": 4, "path": "/slow?ms=200"},
                           {"kind": "order", "clients": 4, "perSecond": 20}])
    for _ in losses.rounds():
        for _ in range(2):
            proxy.upgrade()
    proxy.write_config(version="2")
    proxy.reload()  # the worker that took over speaks it to the next generation too
    assert proxy.version() == "2"
    report = running.finish()
    losses.of(report)
    assert_nothing_lost(report)
    proxy.one_worker()
    assert proxy.metric("sidestep_app_tls_handshakes_total") > 0


IDLE = 5000 if os.environ.get("SIDESTEP_SOAK") == "1" else 200 if IS_SANITIZED else 600
VERSION = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"


def served_client(port):
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(VERSION)
    return client, client.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.fault("B5", f"{IDLE} idle clients are let go while the worker is replaced: no tenth of that time sees more than twice its share come back", ci=1, soak=20)
def test_idle_clients_are_let_go_one_after_the_other(start, losses):
    proxy = start("--upgrade-idle-timeout", "6s", "--max-clients", "10000")
    for _ in losses.rounds():
        poll, clients, back = select.epoll(), {}, []
        for _ in range(IDLE):
            client, is_served = served_client(proxy.port)
            assert is_served
            clients[client.fileno()] = client
            poll.register(client, select.EPOLLIN)
        proxy.upgrade()
        ended = time.monotonic() + 30
        again = []
        while len(back) < IDLE and time.monotonic() < ended:
            for fd, _ in poll.poll(1):
                client = clients[fd]
                poll.unregister(fd)
                assert client.recv(100) == b""
                back.append(time.monotonic())
                fresh, is_served = served_client(proxy.port)  # as a client does that wants to be kept
                losses.served() if is_served else losses.lost("a client that came back")
                again.append(fresh)
        for client in [*clients.values(), *again]:
            client.close()
        assert len(back) == IDLE
        window = back[-1] - back[0]
        assert window > 1.5, f"all of them within {window:.2f} s"
        tenths = [0] * 10
        for moment in back:
            tenths[min(9, int((moment - back[0]) / window * 10))] += 1
        print(f"{IDLE} closed over {window:.2f} s, in tenths: {tenths}")
        assert max(tenths) <= 2 * IDLE / 10, tenths
        proxy.one_worker()
