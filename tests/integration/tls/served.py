"""`sidestep run --attach` in front of an app in this process that answers with what it was asked, and certificates made
by openssl."""
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import processes
from processes import free_port

TOP = Path(__file__).resolve().parents[3]
BINS = Path(os.environ.get("SIDESTEP_BIN", TOP / "build/bin"))
SIDESTEP = str(BINS / "sidestep")
PATIENCE = 20


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Authority:
    """Signs certificates; each is a folder with tls.crt and tls.key, as a mounted Secret has them."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "ca.crt"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30, "-subj", "/CN=Authority",
                "-keyout", folder / "ca.key", "-out", self.ca)
        self.serial = 100

    def make(self, folder, subject, names, days=20):
        folder.mkdir(parents=True)
        self.serial += 1
        extensions = folder / "extensions"
        extensions.write_text(f"subjectAltName={names}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={subject}",
                "-keyout", folder / "tls.key", "-out", folder / "request")
        openssl("x509", "-req", "-in", folder / "request", "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                "-set_serial", self.serial, "-days", days, "-extfile", extensions, "-out", folder / "tls.crt")
        return folder


class Secret:
    """A folder whose files change all at once, as kubelet does it: files are links through ..data."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        folder.mkdir()

    def flip(self, **files):
        self.count += 1
        fresh = self.folder / f"..{self.count}"
        fresh.mkdir()
        for name, source in files.items():
            shutil.copy(source, fresh / f"tls.{name}")
        link = self.folder / "..data_tmp"
        link.symlink_to(fresh.name)
        link.rename(self.folder / "..data")
        for name in files:
            if not (self.folder / f"tls.{name}").is_symlink():
                (self.folder / f"tls.{name}").symlink_to(f"..data/tls.{name}")

    def put(self, pair):
        self.flip(crt=pair / "tls.crt", key=pair / "tls.key")


class Echo(BaseHTTPRequestHandler):
    """Answers with the fields of the request; /big with a megabyte; a body comes back, from /late it is read late."""
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/big":
            return self.answer(bytes(range(256)) * 4096)
        fields = {}
        for name, value in self.headers.items():
            fields.setdefault(name.lower(), []).append(value)
        return self.answer(json.dumps(fields).encode())

    def do_POST(self):
        if self.path == "/late":
            time.sleep(0.3)
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class App(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True


def start_app(context=None, handler=Echo):
    app = App(("127.0.0.1", 0), handler)
    if context is not None:
        app.socket = context.wrap_socket(app.socket, server_side=True)
    threading.Thread(target=app.serve_forever, args=(0.02,), daemon=True).start()
    return app


class Served:
    def __init__(self, folder, *options, scheme="tls", app=None, words=None, starts=True):
        self.app = app or (None if words else start_app())
        self.port, self.control_port = free_port(), free_port()
        self.log_path = folder / "log"
        command = [SIDESTEP, "run", "--listen", f"{scheme and scheme + '://'}127.0.0.1:{self.port}", "--control", str(folder / "c.sock"),
                   "--control-listen", f"127.0.0.1:{self.control_port}", *map(str, options)]
        command += ["--", *map(str, words)] if words else ["--attach", f"127.0.0.1:{self.app.server_port}"]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        if starts:
            self.until(self.is_ready, "ready")

    def is_ready(self):
        assert self.process.poll() is None, self.log()
        try:
            return self.control("/readyz").status == 200
        except OSError:
            return False

    def log(self):
        return self.log_path.read_text()

    def run(self, *words):
        """A verb of the command line against this proxy."""
        return subprocess.run([SIDESTEP, *words, "--control", str(self.log_path.parent / "c.sock")], capture_output=True, text=True, timeout=60)

    def control(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer

    def metric(self, name, **labels):
        """The sum of the samples that carry these labels."""
        total = 0.0
        for line in self.control("/metrics").text.splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name and all(f'{k}="{v}"' in (match[2] or "") for k, v in labels.items()):
                total += float(match[3])
        return total

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.02)
        raise AssertionError(f"not within {PATIENCE} s: {what}\n{self.log()}")

    def connect(self, context, name="one.example", session=None):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(raw, server_hostname=name, session=session)

    def stop(self):
        processes.stop(self.process, PATIENCE)
        if self.app:
            self.app.shutdown()
            self.app.server_close()


def client(authority, pair=None, version=None):
    context = ssl.create_default_context(cafile=str(authority.ca))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if pair is not None:
        context.load_cert_chain(pair / "tls.crt", pair / "tls.key")
    return context


def ask(connection, path="/", fields="", close=False):
    """The answer's body, over an open connection."""
    last = "Connection: close\r\n" if close else ""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: one.example\r\n{fields}{last}\r\n".encode())
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    body = answer.read()
    assert answer.status == 200, body
    return body


def fields_seen(connection, fields=""):
    return json.loads(ask(connection, fields=fields))
