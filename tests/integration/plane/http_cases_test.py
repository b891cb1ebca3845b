"""The documents of tests/http_cases against the real proxy: what it refuses, what the app gets, what the client gets.

With SIDESTEP_PROXY another proxy is held against them: a command in which {port} and {app} stand for the two ports."""
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import time

import pytest
from processes import free_port

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "http_cases"))
import documents  # noqa: E402
import raw_http  # noqa: E402

# The documents use smaller bounds than a proxy that was not told any.
BOUNDS = {"target_too_long", "head_too_large", "too_many_fields", "chunk_line_too_long", "trailers_too_large", "chunk_extension"}


def of_bounds(case):
    words = case.out[-1].split()
    return words[0] == "bad" and words[2] in BOUNDS


# What the parser refuses begins HTTP/2 on a connection (tests/integration/h2).
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REQUESTS = [c for c in documents.cases("request") if not of_bounds(c) and c.bytes != H2_PREFACE]
RESPONSES = [c for c in documents.cases("response") if not of_bounds(c)]


def name(case):
    return f"{case.document}-{case.title}".replace(" ", "_").replace("/", "_")


def command(port, app_port, folder):
    if given := os.environ.get("SIDESTEP_PROXY"):
        return shlex.split(given.format(port=port, app=app_port))
    program = pathlib.Path(os.environ.get("SIDESTEP_BIN", "build/bin")) / "sidestep"
    return [str(program), "run", "--listen", f"127.0.0.1:{port}", "--control", f"{folder}/control.sock",
            "--attach", f"127.0.0.1:{app_port}"]


@pytest.fixture(scope="module")
def app():
    return raw_http.App()


@pytest.fixture(scope="module")
def connect(app, tmp_path_factory):
    port, folder = free_port(), tmp_path_factory.mktemp("proxy")
    with open(folder / "log", "w") as log:
        proxy = subprocess.Popen(command(port, app.port, folder), stdout=log, stderr=log)

    def connection():
        return socket.create_connection(("127.0.0.1", port), timeout=raw_http.TIMEOUT_SECONDS)

    try:
        deadline = time.monotonic() + 60
        while True:
            assert proxy.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            try:
                with connection() as conn:
                    conn.sendall(b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
                    if raw_http.Reader(conn).response()[1].status == 200:
                        break
            except (OSError, raw_http.Ended):
                pass
            time.sleep(0.05)
        yield connection
    finally:
        proxy.terminate()
        try:
            proxy.wait(60)
        except subprocess.TimeoutExpired:
            proxy.kill()
    assert "Sanitizer" not in (folder / "log").read_text(errors="replace")


class Expected:
    """What the log of a case says, sorted by message."""

    def __init__(self, case):
        self.messages, self.bad, self.unread, self.incomplete = [], None, False, False
        for line in case.out:
            word, _, rest = line.partition(" ")
            if word in ("request", "response"):
                self.messages.append({"head": rest.split(" "), "body": "", "trailers": "", "whole": False})
            elif word in ("body", "trailers"):
                self.messages[-1][word] = rest
            elif line in ("end", "end by close"):
                self.messages[-1]["whole"] = True
            elif word == "bad":
                self.bad = int(rest.split(" ")[0])
            elif word == "unread":
                self.unread = True
            elif word == "incomplete":
                self.incomplete = True
        self.whole = [m for m in self.messages if m["whole"]]


def send_one_by_one(conn, data):
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for i in range(len(data)):
            conn.sendall(data[i:i + 1])
    except OSError:
        pass  # refused before the last byte; the answer says why


@pytest.mark.fault("D5", "requests as raw bytes, whole and byte by byte: the app sees what each means, or nothing", ci=1, soak=1)
@pytest.mark.parametrize("send", [socket.socket.sendall, send_one_by_one], ids=["whole", "byte_by_byte"])
@pytest.mark.parametrize("case", REQUESTS, ids=name)
def test_request(case, send, app, connect):
    expected = Expected(case)
    if expected.unread and send is send_one_by_one:
        return  # a client that goes on after it asked for the end may lose the answer
    app.requests, app.canned = [], None
    with connect() as conn:
        reader = raw_http.Reader(conn)
        send(conn, case.bytes)
        for message in expected.whole:
            _, response = reader.response(message["head"][0])
            assert response.status == 200
        if expected.bad:
            _, response = reader.response()
            assert response.status == expected.bad
            assert response.all("connection") == ["close"]
        conn.shutdown(socket.SHUT_WR)
        rest = reader.rest()
    if not expected.incomplete:
        assert rest == b"", "an answer too many"
    assert [seen(r) for r in app.requests] == [asked(m) for m in expected.whole]


def asked(message):
    method, target, _, host = message["head"][:4]
    target = "/" + target if target.startswith("?") else target
    return f"{method} {target} HTTP/1.1", host.removeprefix("host=") or "localhost", message["body"]


def seen(request):
    assert len(request.all("host")) == 1
    for unwanted in ("keep-alive", "proxy-connection", "http2-settings", "trailer"):
        assert request.all(unwanted) == []
    return request.start, request.all("host")[0], raw_http.escape(request.body)


@pytest.mark.fault("D5", "answers as raw bytes: the client sees what each means, or 502, or a cut", ci=1, soak=1)
@pytest.mark.parametrize("case", RESPONSES, ids=name)
def test_response(case, app, connect):
    expected = Expected(case)
    method = "HEAD" if case.kind.endswith(" HEAD") else "GET"
    app.requests, app.canned = [], case.bytes
    statuses = [int(m["head"][0]) for m in expected.messages]
    final = next((i for i, s in enumerate(statuses) if s >= 200 or s == 101), None)
    with connect() as conn:
        conn.sendall(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        reader = raw_http.Reader(conn)
        if final is not None and statuses[final] != 101 and not expected.messages[final]["whole"]:
            with pytest.raises((raw_http.Ended, ConnectionResetError)):  # a cut answer must not look whole
                reader.response(method)
            return
        interim, response = reader.response(method)
        assert interim == statuses[:final]
        if final is None or statuses[final] == 101:  # refused, or a switch that nobody asked for
            assert response.status == 502
            return
        assert response.status == statuses[final]
        assert raw_http.escape(response.body) == expected.messages[final]["body"]
        app.canned = None
        if response.all("connection") != ["close"]:  # what came after the response went nowhere
            conn.sendall(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            assert reader.response()[1].body == b"ok"
