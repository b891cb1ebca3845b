"""Where clients connect: IPv4, IPv6, both by one socket, Unix sockets; several at once; and how the app is told whom it serves."""
import os
import signal
import socket
import subprocess
import sys

import pytest
from conftest import BINS, Service, eventually, free_port

ECHO = """
import http.server, os
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_GET(self):
        body = "".join(f"{k}: {v}\\n" for k, v in self.headers.items()).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Echo).serve_forever()
"""


def ask(family, address, fields=""):
    """The fields that the app was given."""
    with socket.socket(family) as s:
        s.settimeout(10)
        s.connect(address)
        s.sendall(f"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{fields}\r\n".encode())
        answer = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 200"), answer
    return dict(line.split(": ", 1) for line in answer.partition("\r\n\r\n")[2].splitlines())


@pytest.fixture
def listening(tmp_path, stopping):
    def begin(*listeners, words=()):
        s = Service.__new__(Service)
        s.folder, s.port, s.control, s.policy = tmp_path, 0, tmp_path / "control.sock", tmp_path / "policy.json"
        s.policy.write_text("readiness: {periodMilliseconds: 50}")
        s.log = open(tmp_path / "log", "ab")
        s.words = [word for one in listeners for word in ("--listen", one)] + list(words)
        s.app = [sys.executable, "-c", ECHO]
        s.start = lambda: start(s)
        s.start()
        stopping(s)
        assert s.command("wait", "--listening").returncode == 0, s.output()
        eventually(lambda: s.status()["phase"] == "Serving", "the app serves")
        return s

    def start(s):
        s.process = subprocess.Popen([BINS / "sidestep", "run", *s.words, "--control", s.control, "--policy", s.policy, "--", *s.app],
                                     stdin=subprocess.DEVNULL, stdout=s.log, stderr=s.log, start_new_session=True)

    return begin


def has_ipv6():
    with socket.socket(socket.AF_INET6) as s:
        try:
            s.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine cannot listen on ::1")


@pytest.mark.fault("G7", "one listener for IPv4 and IPv6, and one for each", ci=1, soak=20)
@needs_ipv6
def test_one_socket_serves_ipv4_and_ipv6_and_two_keep_them_apart(listening):
    both, apart, six = free_port(), free_port(), free_port()
    listening(f":{both}", f"0.0.0.0:{apart}", f"[::]:{apart}", f"[::]:{six}")
    for port in (both, apart):
        four = ask(socket.AF_INET, ("127.0.0.1", port))
        assert four["X-Forwarded-For"] == "127.0.0.1" and four["X-Forwarded-Port"] == str(port)
        assert ask(socket.AF_INET6, ("::1", port))["Forwarded"].startswith('for="[::1]"')
    assert ask(socket.AF_INET6, ("::1", six))["X-Forwarded-For"] == "::1"
    with pytest.raises(OSError):
        ask(socket.AF_INET, ("127.0.0.1", six))


def test_a_unix_socket_serves_beside_a_port_and_survives_a_killed_proxy(listening, tmp_path):
    path, port = str(tmp_path / "shop.sock"), free_port()
    s = listening(f"unix:{path}", f"127.0.0.1:{port}")
    told = ask(socket.AF_UNIX, path, "X-Forwarded-For: 192.0.2.1\r\n")
    assert told["X-Forwarded-For"] == "unknown" and told["Forwarded"].startswith("for=unknown") and "X-Forwarded-Port" not in told
    assert os.stat(path).st_mode & 0o777 == 0o666
    assert ask(socket.AF_INET, ("127.0.0.1", port))["X-Forwarded-For"] == "127.0.0.1"
    os.killpg(s.process.pid, signal.SIGKILL)
    s.process.wait()
    s.start()  # the launcher holds both for it
    eventually(lambda: ask(socket.AF_UNIX, path), "the next proxy serves the same socket")


@needs_ipv6
def test_only_trusted_sources_say_whom_they_speak_for(listening, tmp_path):
    path, port = str(tmp_path / "shop.sock"), free_port()
    claim = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=192.0.2.1\r\n"
    listening(f"unix:{path}", f":{port}", words=("--trust-forwarded", "::1/128", "--trust-forwarded", "unix", "--trust-forwarded", "10.0.0.0/8"))
    stranger = ask(socket.AF_INET, ("127.0.0.1", port), claim)
    assert stranger["X-Forwarded-For"] == "127.0.0.1" and stranger["X-Forwarded-Proto"] == "http"
    trusted = ask(socket.AF_INET6, ("::1", port), claim)
    assert trusted["X-Forwarded-For"] == "192.0.2.1, ::1" and trusted["X-Forwarded-Proto"] == "https"
    assert trusted["Forwarded"].startswith('for=192.0.2.1, for="[::1]"')
    assert ask(socket.AF_UNIX, path, claim)["X-Forwarded-For"] == "192.0.2.1, unknown"
