"""A `sidestep run` of its own for each test: free ports, its own control socket, ended with everything it started."""
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import processes
from processes import free_port

TOP = Path(__file__).resolve().parents[3]
BINS = Path(os.environ.get("SIDESTEP_BIN", TOP / "build/bin"))
SIDESTEP = str(BINS / "sidestep")
APP = [sys.executable, str(TOP / "tests/integration/apps/app.py"), "--port", "{port}"]
PATIENCE = 20


class LocalConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    def json(self):
        return json.loads(self.text)


class Running:
    def __init__(self, folder, *options, app=None, env=None, settle=True):
        self.folder = folder
        self.port, self.control_port = free_port(), free_port()
        self.control = str(folder / "control.sock")
        command = [SIDESTEP, "run", "--listen", f"127.0.0.1:{self.port}", "--control", self.control,
                   "--control-listen", f"127.0.0.1:{self.control_port}", *options, "--", *(app or APP)]
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, start_new_session=True,
                                        env={**os.environ, **(env or {})})
        if not settle:  # nothing has been asked of it yet
            return
        wait = self.cli("wait", "--listening", "--timeout", "20s")
        assert wait.returncode == 0, wait.stderr + (folder / "log").read_text()
        ready = self.cli("wait", "--timeout", "20s")
        assert ready.returncode == 0, ready.stderr + (folder / "log").read_text()

    def cli(self, verb, *words):
        return subprocess.run([SIDESTEP, verb, "--control", self.control, *words], capture_output=True, text=True,
                              timeout=120, check=False)

    def call(self, method, target, body=None, over_tcp=False, headers=None):
        connection = (http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=PATIENCE) if over_tcp
                      else LocalConnection(self.control))
        try:
            text = json.dumps(body) if isinstance(body, (dict, list)) else body
            connection.request(method, target, text, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def status(self):
        return self.call("GET", "/v1/status").json()

    def ask(self, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.02)
        raise AssertionError(f"not within {PATIENCE} s: {what}")

    def stop(self):
        processes.stop(self.process, PATIENCE)
        self.log.close()
