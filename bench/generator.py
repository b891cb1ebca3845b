"""The load generator (tests/load) as a running process with marks and a final report."""
import http.client
import json
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path

import processes


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("control", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Generator:
    def __init__(self, folder: Path, options, port: int, shape: str, *more):
        self.control, self.report = folder / f"load-{port}.sock", folder / f"load-{port}.json"
        self.process = processes.start(
            [options.go_bins / "sidestep-load", "--target", f"127.0.0.1:{port}", "--shape", shape, "--orders-log", folder / "orders",
             "--control", f"unix:{self.control}", "--report", self.report, "--quiet", *more], folder / "load.log")
        self.folder = folder
        end = time.monotonic() + 10
        while not self.control.exists():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError((folder / "load.log").read_text())
            time.sleep(0.01)

    def mark(self, name: str):
        connection = UnixConnection(self.control)
        connection.request("POST", "/mark?name=" + urllib.parse.quote(name))
        if connection.getresponse().status != 204:
            raise RuntimeError(f"mark {name} was refused")

    def finish(self) -> dict:
        self.process.send_signal(subprocess.signal.SIGINT)
        self.process.wait(60)
        if self.process.returncode != 0:
            raise RuntimeError((self.folder / "load.log").read_text())
        return json.loads(self.report.read_text())

    def stop(self):
        processes.stop(self.process)
