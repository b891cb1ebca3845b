"""TLS from the proxy to the app: trust, names, HTTP/1.1 and HTTP/2, large bodies both ways, reloads under load."""
import concurrent.futures
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from served import PATIENCE, SIDESTEP, TOP, Authority, Echo, Secret, start_app

BIG = bytes(range(256)) * 4096
APP = [sys.executable, TOP / "tests/integration/apps/app.py"]
QUICK = {"hold": {"timeoutSeconds": 1}, "readiness": {"periodMilliseconds": 50, "startDeadlineSeconds": 1},
         "rollout": {"steps": [{"weightPerTenThousand": 5000, "pauseSeconds": 0}]}}


def context_of(pair, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair / "tls.crt", pair / "tls.key")
    if version:
        context.minimum_version = context.maximum_version = version
    return context


@pytest.fixture(scope="module")
def pair(authority, tmp_path_factory):
    return authority.make(tmp_path_factory.mktemp("app") / "pair", "app", "DNS:shop.example")


@pytest.fixture
def front(start, pair, tmp_path):
    """front(option…): plain HTTP to clients, TLS to the app."""
    def begin(*options, version=None, policy=(), **settings):
        path = tmp_path / "policy.json"
        path.write_text(json.dumps({**QUICK, **dict(policy)}))
        if "words" not in settings and "app" not in settings:
            settings["app"] = start_app(context_of(pair, version))
        return start("--app-tls", "--policy", path, *options, scheme="", **settings)

    return begin


def ask(one, method="GET", path="/", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=PATIENCE)
    connection.request(method, path, body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_and_large_bodies_pass_both_ways_on_kept_connections(front, version):
    one = front(version=version)
    for _ in range(20):
        status, body = ask(one)
        assert status == 200 and json.loads(body)["x-forwarded-proto"] == ["http"]
    assert ask(one, path="/big") == (200, BIG)
    assert ask(one, "POST", body=BIG * 4) == (200, BIG * 4)
    one.until(lambda: one.metric("sidestep_app_tls_handshakes_total", result="full") == 1, "the handshake is counted")
    assert one.metric("sidestep_app_connects_total") == 1


def test_trust_follows_the_file_and_what_is_wrong_is_named(front, authority, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Authority(other)
    trusted = tmp_path / "ca.crt"

    def trust(source):
        shutil.copy(source, tmp_path / "next")
        (tmp_path / "next").rename(trusted)

    trust(other / "ca.crt")
    one = front("--app-tls-ca", trusted, "--app-tls-server-name", "shop.example", "--app-idle-timeout", "50ms", starts=False)
    why = "TLS to the app: certificate verify failed: unable to get local issuer certificate"
    one.until(lambda: why in one.run("status").stdout, "status names the reason")
    assert one.control("/readyz").status == 503
    trust(authority.ca)
    one.until(one.is_ready, "ready")
    assert ask(one)[0] == 200
    assert why not in one.run("status").stdout
    trusted.write_text("garbage")
    one.until(lambda: "the authorities of the app are refused; the last ones are kept" in one.log(), "it is logged")
    assert ask(one)[0] == 200
    trust(other / "ca.crt")
    one.until(lambda: why in one.run("status").stdout, "status names the reason again")
    time.sleep(0.2)  # the kept connection has gone
    assert ask(one) == (503, b"No instance of the app became ready in time: TLS to it fails; sidestep status says why.\n")
    assert one.metric("sidestep_app_tls_handshakes_total", result="untrusted") > 0


def test_a_certificate_of_another_name_is_refused(front, authority):
    one = front("--app-tls-ca", authority.ca, "--app-tls-server-name", "bakery.example", starts=False)
    one.until(lambda: "certificate verify failed: hostname mismatch" in one.run("status").stdout, "status names the reason")


def test_an_app_that_speaks_something_else_is_named(front):
    plain = front(app=start_app(), starts=False)
    plain.until(lambda: "wrong version number: what came is not TLS" in plain.run("status").stdout, "status names the reason")


def test_http2_is_chosen_by_the_app_and_carries_requests_and_large_bodies(front, start, pair):
    behind = start("--tls-certificate", pair)  # an app that speaks h2 over TLS: another proxy

    class App:
        server_port = behind.port

        def shutdown(self):
            pass

        server_close = shutdown

    one = front("--app-protocol", "h2", app=App())
    assert ask(one, path="/big") == (200, BIG)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        bodies = [BIG[i * 1000:(i + 300) * 1000] for i in range(24)]
        assert list(pool.map(lambda body: ask(one, "POST", body=body), bodies)) == [(200, body) for body in bodies]
    assert one.metric("sidestep_app_connects_total") <= 2, "streams share a connection"
    assert one.metric("sidestep_app_tls_handshakes_total", result="failed") == 0


def test_an_app_that_does_not_choose_http2_is_named(front):
    one = front("--app-protocol", "h2", starts=False)  # a connect alone would take it for ready
    why = "TLS to the app: the app does not choose h2 (ALPN); is it --app-protocol http1?"
    one.until(lambda: why in one.run("status").stdout, "status names the reason")
    assert one.control("/readyz").status == 503


class Peer(Echo):
    """Answers with the name in the certificate that it was shown."""

    def do_GET(self):
        self.answer(dict(part[0] for part in self.connection.getpeercert()["subject"])["commonName"].encode())


def shown(proxy):
    time.sleep(0.2)  # kept connections have gone
    return ask(proxy)


def asking(pair, authority, version):
    """An app that takes nobody without a certificate of the authority."""
    context = context_of(pair, version)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.ca)
    return start_app(context, Peer)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_app_that_asks_for_a_certificate_is_shown_the_one_that_the_secret_holds_now(front, authority, pair, tmp_path, version):
    one, two, old = (authority.make(tmp_path / name, name, f"DNS:{name}", days) for name, days in (("one", 20), ("two", 20), ("old", -1)))
    secret = Secret(tmp_path / "secret")
    secret.put(one)
    proxy = front("--app-tls-certificate", secret.folder, "--app-idle-timeout", "50ms", "--readiness-path", "/", app=asking(pair, authority, version))
    assert ask(proxy) == (200, b"one")
    secret.put(two)
    proxy.until(lambda: shown(proxy) == (200, b"two"), "the next certificate is shown")
    secret.flip(crt=one / "tls.crt", key=two / "tls.key")
    proxy.until(lambda: "the private key is not that of the certificate" in proxy.log(), "a pair that does not fit is refused")
    secret.put(old)
    proxy.until(lambda: proxy.metric("sidestep_tls_certificate_refused_total", path=secret.folder) == 2, "so is an expired one")
    assert shown(proxy) == (200, b"two") and proxy.control("/readyz").status == 200
    secret.put(one)
    proxy.until(lambda: shown(proxy) == (200, b"one"), "a good one is taken again")


def test_a_certificate_in_one_file_is_shown_over_http2_too(front, start, authority, pair, tmp_path):
    both = tmp_path / "both.pem"
    both.write_text((pair / "tls.crt").read_text() + (pair / "tls.key").read_text())
    behind = start("--tls-certificate", pair, "--tls-client-ca", authority.ca)  # an app that speaks h2 over TLS: another proxy

    class App:
        server_port = behind.port

        def shutdown(self):
            pass

        server_close = shutdown

    bare = front("--app-protocol", "h2", app=App())  # to a bare connect it looks ready
    bare.until(lambda: ask(bare)[0] >= 500 and "certificate required" in bare.log(), "without one the app's word is in the log")
    one = front("--app-protocol", "h2", "--app-tls-certificate", both, app=App())
    assert ask(one, path="/big") == (200, BIG)
    assert "Subject" in json.loads(ask(one)[1])["x-forwarded-client-cert"][0]


class Endless(threading.Thread):
    """Sends SIZE bytes over TLS to whoever asks, and counts what was taken."""
    SIZE = 64 << 20

    def __init__(self, pair):
        super().__init__(daemon=True)
        self.context, self.listener, self.sent = context_of(pair), socket.create_server(("127.0.0.1", 0)), 0
        self.server_port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                raw, _ = self.listener.accept()
                with self.context.wrap_socket(raw, server_side=True) as connection:
                    if not connection.recv(65536):
                        continue  # a probe
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.SIZE)
                    while self.sent < self.SIZE:
                        self.sent += connection.send(BIG[:65536])
                    connection.recv(1)
            except OSError:
                if self.listener.fileno() < 0:
                    return

    def shutdown(self):
        self.listener.close()

    server_close = shutdown


@pytest.mark.parametrize("bounds", [("64Ki", "24Mi"), ("4Mi", "1Mi")], ids=["stream", "all"])
def test_a_client_that_does_not_read_stops_the_app_and_gets_all_of_it_later(front, pair, bounds):
    app = Endless(pair)
    one = front("--stream-buffer-bytes", bounds[0], "--max-buffered-bytes", bounds[1], app=app)
    connection = socket.create_connection(("127.0.0.1", one.port), timeout=PATIENCE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    seen = [-1]

    def stalls():
        time.sleep(0.1)
        seen.append(app.sent)
        return 0 < seen[-1] == seen[-2]

    one.until(stalls, "the app has to wait")
    assert app.sent < app.SIZE // 3
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    taken = 0
    while chunk := answer.read(1 << 18):
        assert chunk == BIG[taken % 65536:][:len(chunk)] or chunk == (BIG * 2)[taken % 65536:][:len(chunk)]
        taken += len(chunk)
    assert taken == app.SIZE
    connection.close()


@pytest.mark.parametrize("listen", ["port", "socket"])
def test_reloads_under_load_lose_nothing_over_tls(front, pair, listen):
    one = front(words=[*APP, f"--{listen}={{{listen}}}", "--tls", pair], policy={"listen": listen})
    over, failures = threading.Event(), []

    def keep_asking(kept, method):
        count, connection = 0, None
        while not over.is_set() or count < 10:
            connection = connection or http.client.HTTPConnection("127.0.0.1", one.port, timeout=PATIENCE)
            try:
                connection.request(method, "/", b"x" * 500 if method == "POST" else None)
                answer = connection.getresponse()
                text = answer.read()
                if (answer.status, text) != (200, b"app\n"):
                    failures.append((answer.status, text))
            except OSError as error:
                failures.append(error)
                connection = None
            count += 1
            if not kept and connection:
                connection.close()
                connection = None
        return count

    with concurrent.futures.ThreadPoolExecutor() as pool:
        asking = [pool.submit(keep_asking, kept, method) for kept in (True, False) for method in ("GET", "POST")]
        try:
            for _ in range(3):
                result = one.run("reload")
                assert result.returncode == 0, result.stdout + result.stderr + one.log()
        finally:
            over.set()
        assert all(f.result() >= 10 for f in asking)
    assert not failures


def test_a_candidate_whose_certificate_is_refused_never_takes_over(front, authority, pair, tmp_path):
    folder = tmp_path / "folder"
    shutil.copytree(pair, folder)
    one = front("--app-tls-ca", authority.ca, words=[*APP, "--port={port}", "--tls", folder])
    other = tmp_path / "other"
    other.mkdir()
    foreign = Authority(other).make(tmp_path / "foreign", "app", "DNS:shop.example")
    for name in ("tls.crt", "tls.key"):
        shutil.copy(foreign / name, folder / name)
    result = one.run("reload")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "certificate verify failed" in result.stdout + result.stderr
    assert ask(one)[0] == 200


@pytest.mark.parametrize("options, fix", [
    (["--app-tls-ca", "/nowhere"], "/nowhere: No such file or directory"),
    (["--app-protocol", "h2c"], "with --app-tls write h2"),
    (["--app-tls-ca", "system"], "add --app-tls-server-name"),
    (["--app-tls-certificate", "/nowhere"], "/nowhere: No such file or directory"),
])
def test_options_that_do_not_fit_are_refused_with_the_fix(options, fix):
    done = subprocess.run([SIDESTEP, "run", "--listen", "127.0.0.1:0", "--control", "/tmp/none.sock", "--attach", "127.0.0.1:1", "--app-tls", *options],
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2 and fix in done.stderr
