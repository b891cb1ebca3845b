"""A control plane with a large fleet in it: a real etcd and kube-apiserver, an operator as a process, and one process
(operator/crowd) that made the objects and answers for all pods. Requests are counted by the API server's audit log.
Benchmarks and tests use it. All of it is on loopback."""
import collections
import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/integration/kube"))
import api_server  # noqa: E402
import processes  # noqa: E402

ACCOUNT = "system:serviceaccount:sidestep-system:sidestep-operator"
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
         "rules": [{"level": "Metadata", "users": [ACCOUNT]}, {"level": "None"}]}


def build_crowd(folder: Path) -> Path:
    go = subprocess.run([TOP / "tests/tools/go.sh"], check=True, capture_output=True, text=True).stdout.strip()
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([go, "-C", TOP / "bench/operator/crowd", "build", "-trimpath", "-buildvcs=false", "-o", folder / "crowd", "."], check=True)
    return folder / "crowd"


def wait_until(check, seconds: float, what: str, every: float = 0.02):
    """The first true value of check()."""
    end = time.monotonic() + seconds
    while not (value := check()):
        if time.monotonic() > end:
            raise TimeoutError(what() if callable(what) else what)
        time.sleep(every)
    return value


class Operator:
    """One sidestep-operator. ready_after: seconds from its start until /readyz said so."""

    def __init__(self, program: Path, kubeconfig: Path, log: Path, *flags: str):
        port = processes.free_port()
        self.log, self.url = log, f"http://127.0.0.1:{port}"
        began = time.monotonic()
        self.process = processes.start([program, f"--kubeconfig={kubeconfig}", "--namespace=sidestep-system",
                                        f"--listen=127.0.0.1:{port}", *flags], log)
        wait_until(self.is_ready, 120, lambda: f"the operator is not ready: {log.read_text()[-2000:]}")
        self.ready_after = time.monotonic() - began

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the operator ended: {self.log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def leads(self) -> bool:
        return "became leader" in self.log.read_text()

    def memory_kib(self) -> dict[str, int]:
        """VmRSS and its peak, VmHWM."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return {name: int(re.search(rf"{name}:\s+(\d+)", text).group(1)) for name in ("VmRSS", "VmHWM", "Threads")}

    def cpu_seconds(self) -> float:
        """Of all threads, those that have ended too."""
        return time.clock_gettime((~self.process.pid << 3) | 2)  # clock_getcpuclockid(3)

    def stop(self) -> None:
        processes.stop(self.process, 40)


class BigCluster(contextlib.ExitStack):
    """`folder` is for logs and stays."""

    def __init__(self, folder: Path, crowd: Path):
        super().__init__()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._audit = folder / "audit.log"
        self._audit.unlink(missing_ok=True)
        (folder / "audit.json").write_text(json.dumps(AUDIT))
        self.api = api_server.ApiServer(extra=(
            f"--audit-policy-file={folder}/audit.json", f"--audit-log-path={self._audit}", "--audit-log-maxsize=2000",
            "--max-requests-inflight=800", "--max-mutating-requests-inflight=400"))
        self.callback(self.api.stop)
        self.api.start().install()
        self.kubeconfig = self.api.write_kubeconfig(folder / "kubeconfig", self.api.account_token())
        self._start_crowd(crowd)
        self._counted_to = 0

    def _start_crowd(self, program: Path) -> None:
        ca = self.folder / "ca.pem"
        ca.write_text(self.api.ca)
        with open(self.folder / "crowd.log", "wb") as log:
            self._crowd = subprocess.Popen([program, f"-server={self.api.url}", f"-ca={ca}", f"-token={api_server.TOKEN}",
                                            f"-port={processes.free_port()}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.callback(self._crowd.wait)
        self.callback(self._crowd.terminate)
        self._orders = self._crowd.stdout.readline().decode().strip()

    def operator(self, program: Path, *flags: str, name: str = "operator") -> Operator:
        """A new one; it ends with this object, or by stop()."""
        started = Operator(program, self.kubeconfig, self.folder / f"{name}-{int(time.monotonic() * 1000)}.log", *flags)
        self.callback(started.stop)
        return started

    def order(self, path: str, **what) -> dict:
        """POST to the crowd, which returns when it is done."""
        return self._crowd_says(urllib.request.Request(self._orders + path, json.dumps(what).encode(), method="POST"))

    def counts(self) -> dict:
        return self._crowd_says(self._orders + "/counts")

    def first(self) -> list[float]:
        """For each policy: seconds from the last annotate or change to the first command; -1: none yet."""
        return self._crowd_says(self._orders + "/first")["seconds"]

    def _crowd_says(self, request) -> dict:
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"crowd: {error.read().decode()}") from error

    def requests(self) -> collections.Counter:
        """The operator's, since the last call: (verb, resource[/subresource], status). Leases are left out: they follow the clock."""
        found = collections.Counter()
        with open(self._audit, "rb") as log:
            log.seek(self._counted_to)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._counted_to += len(line)
                event = json.loads(line)
                about = event.get("objectRef", {})
                is_begun = event["stage"] == "ResponseStarted"
                if about.get("resource") == "leases" or (event["verb"] == "watch") != is_begun:
                    continue
                resource = "/".join(filter(None, (about.get("resource", ""), about.get("subresource"))))
                found[event["verb"], resource, event["responseStatus"]["code"]] += 1
        return found

    def reloads(self, prefix: str = "") -> list[dict]:
        """Those whose token begins with `prefix`, in chunks as large as it has to be."""
        found, more = [], ""
        while True:
            page = self.api.call("GET", f"/apis/sidestep.dev/v1alpha1/reloads?limit=500&continue={more}")
            found += [r for r in page["items"] if r["spec"]["token"].startswith(prefix)]
            more = page["metadata"].get("continue", "")
            if not more:
                return found

    def rejected(self) -> int:
        """How many requests, of whomever, the API server has turned away because of too many."""
        text = self.api.call("GET", "/metrics", raw=True)
        lines = re.findall(r"^apiserver_flowcontrol_rejected_requests_total\{.*\} (\S+)$", text, re.M)
        return int(sum(float(value) for value in lines))
