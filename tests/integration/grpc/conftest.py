"""A real gRPC app behind `sidestep run`, and real gRPC clients, as processes on loopback."""
import json
import os
import subprocess
import time
from pathlib import Path

import processes
import pytest
from processes import free_port

TOP = Path(__file__).resolve().parents[3]
BINS = Path(os.environ.get("SIDESTEP_BIN", TOP / "build/bin"))
ECHO = TOP / "build/bin-go/grpcecho"
POLICY = {"readiness": {"periodMilliseconds": 20, "startDeadlineSeconds": 20},
          "strategy": {"overlap": {"onMemoryPressure": "Ignore"}}, "shutdown": {"gracePeriodSeconds": 15}}


class Service:
    def __init__(self, folder: Path, *flags, policy=None):
        self.folder, self.port, self.control = folder, free_port(), folder / "control.sock"
        self.executed, self.cancelled = folder / "executed", folder / "cancelled"
        (folder / "policy.json").write_text(json.dumps({**POLICY, **(policy or {})}))
        self.log = open(folder / "log", "ab")
        self.process = subprocess.Popen(
            [BINS / "sidestep", "run", "--listen", f"127.0.0.1:{self.port}", "--control", self.control, "--policy", folder / "policy.json",
             "--app-protocol", "h2c", "--", ECHO, "serve", "--executed", self.executed, "--cancelled", self.cancelled, *flags],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        self.eventually(lambda: "listening on" in self.output(), "the app listens")

    def output(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def eventually(self, check, what, seconds=20.0):
        end = time.monotonic() + seconds
        while not check():
            assert self.process.poll() is None and time.monotonic() < end, f"{what}: not in time\n{self.output()}"
            time.sleep(0.02)

    def reload(self):
        done = subprocess.run([BINS / "sidestep", "reload", "--control", self.control], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr + self.output()

    def executions(self) -> list:
        return self.executed.read_text().split()

    def client(self, kind, *flags) -> "Client":
        return Client([ECHO, kind, f"127.0.0.1:{self.port}", *map(str, flags)])

    def stop(self):
        processes.stop(self.process, 20)
        self.log.close()


class Client:
    """Runs until end() closes its standard input."""

    def __init__(self, words):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self) -> str:
        return self.process.stdout.readline().strip()

    def end(self) -> dict:
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return json.loads(out.strip().splitlines()[-1])


@pytest.fixture(scope="session", autouse=True)
def echo():
    subprocess.run([TOP / "tests/integration/grpc/build.sh"], check=True)


@pytest.fixture
def service(tmp_path, stopping):
    """service(flags of the app…, policy=…) gives a Service that ends with the test."""
    return lambda *flags, **settings: stopping(Service(tmp_path, *flags, **settings))
