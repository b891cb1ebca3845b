"""`sidestep run` in front of the little app, as real processes on loopback: what one reload does, and what crashes do."""
import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import processes
import pytest
from processes import free_port

TOP = Path(__file__).resolve().parents[3]
BINS = Path(os.environ.get("SIDESTEP_BIN", TOP / "build/bin"))
APP = TOP / "tests/integration/apps/app.py"
QUICK = {"readiness": {"httpGet": {"path": "/readyz"}, "periodMilliseconds": 50, "startDeadlineSeconds": 20},
         "strategy": {"overlap": {"onMemoryPressure": "Ignore"}}, "exposeGeneration": True,
         "shutdown": {"gracePeriodSeconds": 15}}


def eventually(check, what: str, seconds=20.0):
    """What check returns, as soon as that is true."""
    end = time.monotonic() + seconds
    while True:
        seen = None
        try:
            result = check()
        except (OSError, http.client.HTTPException, AssertionError) as not_yet:
            result, seen = None, not_yet
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s") from seen
        time.sleep(0.02)


class Service:
    def __init__(self, folder: Path, app=(), policy=None, words=(), command=None, wait=True, nofile=None):
        self.nofile = nofile  # most descriptors of everything that is started
        self.folder, self.port, self.control = folder, free_port(), folder / "control.sock"
        self.policy = folder / "policy.json"
        self.policy.write_text(json.dumps({**QUICK, **(policy or {})}))
        self.words = list(words)
        self.app = [str(w) for w in (command or [sys.executable, APP, "--name", "one", *app])]
        self.log = open(folder / "log", "ab")
        self.start()
        if wait:
            self.serves()

    def start(self):
        self.process = subprocess.Popen(
            [BINS / "sidestep", "run", "--listen", f"127.0.0.1:{self.port}", "--control", self.control, "--policy", self.policy,
             *self.words, "--", *self.app], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
            preexec_fn=self.limit if self.nofile else None)

    def limit(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))

    def serves(self):
        eventually(lambda: self.process.poll() is not None or self.get()[0] == 200, "the app serves")
        assert self.process.poll() is None, self.output()

    def get(self, path="/", timeout=10.0):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode().strip(), int(answer.getheader("Sidestep-Generation", "0"))
        finally:
            connection.close()

    def output(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def command(self, *words, timeout=60):
        return subprocess.run([BINS / "sidestep", words[0], "--control", self.control, *words[1:]], capture_output=True, text=True,
                              timeout=timeout)

    def status(self) -> dict:
        done = self.command("status", "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def reload(self, *app, words=(), expect=0) -> dict:
        """A reload; with app flags, to a command with these."""
        tail = ["--", sys.executable, str(APP), *app] if app else []
        done = self.command("reload", "-o", "json", *words, *tail)
        assert done.returncode == expect, f"exit {done.returncode}: {done.stdout}{done.stderr}\n{self.output()[-3000:]}"
        return json.loads(done.stdout)["reload"]

    def worker(self) -> int:
        """Its pid; 0 between one and the next."""
        done = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", "sidestep worker"], capture_output=True, text=True)
        return int((done.stdout.split() or ["0"])[0])

    def pids_of_app(self) -> set:
        status = self.status()
        every = [status["active"], status["candidate"], *status["retiring"]]
        return {g["pid"] for g in every if g}

    def terminate(self, seconds=20) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def stop(self):
        processes.stop(self.process, 20)
        self.log.close()


class Traffic:
    """Clients that ask all the time on kept connections, and remember every answer that was not 200."""

    def __init__(self, service, clients=4, path="/"):
        self.service, self.path, self.bad, self.served = service, path, [], {}
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=20)
        while not self.ended.is_set():
            try:
                connection.request("GET", self.path)
                answer = connection.getresponse()
                body = answer.read().decode().strip()
                if answer.status == 200:
                    self.served[body] = self.served.get(body, 0) + 1
                else:
                    self.bad.append((answer.status, body))
            except (OSError, http.client.HTTPException) as error:
                self.bad.append((0, repr(error)))
                connection.close()
            time.sleep(0.005)
        connection.close()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        return self


@pytest.fixture
def service(tmp_path, stopping):
    """service(app flags…, policy=…) gives a Service that ends with the test."""
    return lambda *app, **settings: stopping(Service(tmp_path, app, **settings))


@pytest.fixture
def traffic(stopping):
    """traffic(service, clients=…, path=…) gives Traffic that ends with the test."""
    return lambda *settings, **named: stopping(Traffic(*settings, **named))
