"""`sidestep run` in front of the example app, and the load generator, as real processes on loopback."""
import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import processes
from processes import free_port

TOP = Path(__file__).resolve().parents[3]
BINS = Path(os.environ.get("SIDESTEP_BIN", TOP / "build/bin"))
GO_BINS = TOP / "build/bin-go"

IS_SANITIZED = "SIDESTEP_SANITIZED" in os.environ  # slower by an order of magnitude

POLICY = {
    "readiness": {"httpGet": {"path": "/readyz"}, "successThreshold": 1, "periodMilliseconds": 20, "timeoutSeconds": 1,
                  "startDeadlineSeconds": 20},
    "drain": {"webSocket": {"policy": "CloseWith", "closeCode": 1012}},
    "strategy": {"overlap": {"onMemoryPressure": "Ignore"}},
}


def get(port: int, path: str, timeout=5.0) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def eventually(check, what: str, seconds=20.0):
    """Returns what check returns as soon as that is true."""
    end = time.monotonic() + seconds
    while True:
        try:
            result = check()
        except OSError:
            result = None
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Service:
    """The shop behind `sidestep run`. Its config file is a snapshot per generation."""

    def __init__(self, folder: Path, policy=None, config=None):
        self.folder, self.port = folder, free_port()
        self.control, self.orders = folder / "control.sock", folder / "orders"
        self.orders.touch()
        self.config = folder / "shop.yaml"
        self.write_config(**(config or {"version": "1"}))
        spec = {**POLICY, **(policy or {}), "config": [{"path": str(self.config), "mode": "Pinned"}]}
        (folder / "policy.json").write_text(json.dumps(spec))
        self.log = open(folder / "sidestep.log", "ab")
        self.process = subprocess.Popen(
            [BINS / "sidestep", "run", "--listen", f"127.0.0.1:{self.port}", "--control", self.control, "--policy", folder / "policy.json",
             "--", GO_BINS / "shop", "--config", "{config}", "--orders-log", self.orders],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        eventually(lambda: self.process.poll() is not None or get(self.port, "/readyz")[0] == 200, "the shop serves")
        assert self.process.poll() is None, self.output()

    def write_config(self, **fields):
        """As a rename, so that nobody reads half a file."""
        part = self.config.with_suffix(".part")
        part.write_text(json.dumps(fields))
        part.rename(self.config)

    def output(self) -> str:
        return (self.folder / "sidestep.log").read_text(errors="replace")

    def command(self, *words, timeout=120) -> subprocess.CompletedProcess:
        return subprocess.run([BINS / "sidestep", *words, "--control", self.control], capture_output=True, text=True, timeout=timeout)

    def status(self) -> dict:
        done = self.command("status", "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def reload(self, *words, expect=0) -> dict:
        done = self.command("reload", "-o", "json", *words)
        assert done.returncode == expect, f"exit {done.returncode}: {done.stdout}{done.stderr}\n{self.output()[-3000:]}"
        return json.loads(done.stdout)

    def version(self) -> str:
        return json.loads(get(self.port, "/version", timeout=40)[1])["version"]

    def stop(self):
        processes.stop(self.process, 30)
        self.log.close()


class Load:
    """The load generator; finish() gives its report."""

    def __init__(self, service: Service, shape, *more):
        self.folder = service.folder
        if not isinstance(shape, str):
            (self.folder / "shape.json").write_text(json.dumps(shape))
            shape = str(self.folder / "shape.json")
        self.report = self.folder / "report.json"
        self.process = subprocess.Popen(
            [GO_BINS / "sidestep-load", "--target", f"127.0.0.1:{service.port}", "--shape", shape, "--orders-log", service.orders,
             "--bucket", "100ms", "--timeout", "20s", "--scale", "0.25" if IS_SANITIZED else "1", "--report", self.report, "--quiet", *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.began = time.monotonic()
        time.sleep(0.5)

    def now(self) -> float:
        """Seconds on the report's own axis."""
        return time.monotonic() - self.began

    def finish(self) -> dict:
        time.sleep(0.5)
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return json.loads(self.report.read_text())

    def stop(self):
        processes.stop(self.process, 20)


def assert_nothing_lost(report: dict):
    assert report["verdict"]["lost"] == 0, f"{report['total']['lostByKind']}: {report['failures'][:5]}"
    assert_orders_executed_once(report)
    assert report["verdict"]["surplus"] == report["verdict"]["underWay"] == 0, report["verdict"]
    assert report["verdict"]["streamsCut"] == 0, report["total"]["streams"]
    assert report["total"]["ok"] > 100, "too little load to prove anything"


def assert_orders_executed_once(report: dict):
    orders = report["orders"]
    assert orders["logChecked"] and orders["twice"] == 0 and orders["answeredNotExecuted"] == 0, orders


def share(report: dict, version: str, since: float, until: float) -> tuple[int, int]:
    """Good answers of one version, and of all, in the buckets between two moments."""
    inside = [bucket for bucket in report["series"] if since <= bucket["atSeconds"] and bucket["atSeconds"] + 0.1 <= until]
    mine = sum(count for bucket in inside for key, count in bucket["share"].items() if key.split("/")[0] == version)
    return mine, sum(bucket["ok"] for bucket in inside)
