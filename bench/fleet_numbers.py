"""What the operator needs for a large fleet, and how fast it is: one control plane, all figures from one run of it."""
import collections
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import big_cluster
import stats
from big_cluster import wait_until

QUICK = {"steps": [{"pods": 1, "weightPerTenThousand": 500}, {"pods": "100%", "weightPerTenThousand": 10000}], "maxConcurrentPods": "100%"}
THREE_STEPS = {"steps": [{"pods": 1, "weightPerTenThousand": 500}, {"pods": "50%", "weightPerTenThousand": 5000},
                         {"pods": "100%", "weightPerTenThousand": 10000}], "maxConcurrentPods": "100%"}
CANARY = {"steps": [{"pods": "100%", "weightPerTenThousand": 500, "pauseSeconds": 3600}], "maxConcurrentPods": "100%"}
ANALYSIS = {"minimumRequests": 1, "onNoTraffic": "Pass"}
FINAL = ("Succeeded", "Failed", "Aborted")


@dataclass
class Size:
    policies: int = 1000
    pods_each: int = 10
    namespaces: int = 20
    idle_seconds: float = 60
    single_annotations: int = 30
    storm: int = 100
    wide: int = 100  # pods of the one wide policy
    quiet: float = 3  # seconds without a write after which the operator counts as at rest
    starts: int = 3  # of an operator that is not the first


@dataclass
class Numbers:
    """Everything that was measured; seconds, KiB, counts."""
    size: Size
    made_in: float = 0
    stick_alone: list = field(default_factory=list)  # the writes before a first command, by a bare client, one policy at a time
    stick_storm: float = 0  # of all policies at the same time
    ready_first: float = 0
    ready: list = field(default_factory=list)
    memory: dict = field(default_factory=dict)  # what → KiB
    threads: int = 0
    idle_cores: float = 0
    idle_calls: float = 0  # of sidecars, per second
    annotate_idle: list = field(default_factory=list)
    annotate_storm: list = field(default_factory=list)
    annotate_beside: list = field(default_factory=list)  # one policy at a time, while the storm's reloads run
    changes_started: float = 0
    changes_ended: float = 0
    per_reload: float = 0
    per_touch: float = 0
    throttled: int = 0
    requests: dict = field(default_factory=dict)
    single: float = 0
    wide: float = 0
    back: dict = field(default_factory=dict)  # how → seconds
    load: list = field(default_factory=list)


class Run:
    def __init__(self, cluster, program: Path, size: Size, flags=()):
        self.cluster, self.program, self.size, self.flags = cluster, program, size, flags
        self.out = Numbers(size)
        self.operator = None
        self._calls = 0

    def start(self) -> float:
        self.operator = self.cluster.operator(self.program, *self.flags)
        wait_until(self.operator.leads, 60, "nobody leads")
        return self.operator.ready_after

    def is_asking(self) -> bool:
        """Sidecars were asked more since the last time than a fleet at rest is."""
        before, self._calls = self._calls, self.cluster.counts()["calls"]
        return self._calls - before > 10 + self.size.policies * self.size.pods_each / 100

    def settle(self, seconds: float = 600) -> collections.Counter:
        """Until the operator has written nothing for a while. Returns its requests since the last call."""
        found, last = collections.Counter(), time.monotonic()

        def is_quiet():
            nonlocal last
            more = self.cluster.requests()
            found.update(more)
            if any(verb not in ("watch", "get") for verb, *_ in more) or self.is_asking():
                last = time.monotonic()
            return time.monotonic() - last > self.size.quiet
        wait_until(is_quiet, seconds, "the operator does not come to rest", every=0.25)
        return found

    def make(self) -> None:
        size, began = self.size, time.monotonic()
        spec = {"rollout": QUICK, "analysis": ANALYSIS}
        self.cluster.order("/make", Prefix="shop", Namespaces=size.namespaces, Policies=size.policies, PodsEach=size.pods_each, Sources=True,
                           Spec={**spec, "triggers": {"quietPeriodSeconds": 1, "maxWaitSeconds": 10}})
        for name, pods, rollout in (("single", 1, THREE_STEPS), ("wide", size.wide, THREE_STEPS), ("canary", size.wide, CANARY)):
            self.cluster.order("/make", Prefix=name, Namespaces=1, Policies=1, PodsEach=pods, Sources=False, Spec={**spec, "rollout": rollout})
        self.out.made_in = time.monotonic() - began

    def sticks(self) -> None:
        """Before any operator runs: what this API server and this machine leave it."""
        def time_of(begin: int, end: int, token: str) -> float:
            began = time.monotonic()
            self.cluster.order("/stick", From=begin, To=end, Value=token)
            return time.monotonic() - began
        time_of(0, 1, "warm-up")
        self.out.stick_alone = [time_of(i, i + 1, "alone") for i in range(self.size.single_annotations)]
        self.out.stick_storm = time_of(0, self.size.policies, "storm")
        self.cluster.order("/unstick")

    def remember_memory(self, when: str) -> None:
        memory = self.operator.memory_kib()
        self.out.memory[when] = memory["VmRSS"]
        self.out.memory["at most"] = max(memory["VmHWM"], self.out.memory.get("at most", 0))
        self.out.threads = max(self.out.threads, memory["Threads"])

    def starts(self) -> None:
        self.out.ready_first = self.start()
        self.settle()
        for _ in range(self.size.starts):
            self.operator.stop()
            self.out.ready.append(self.start())
            self.settle()
        self.remember_memory("just started")

    def idle(self) -> None:
        self.settle()
        cpu, calls, began = self.operator.cpu_seconds(), self.cluster.counts()["calls"], time.monotonic()
        time.sleep(self.size.idle_seconds)
        passed = time.monotonic() - began
        self.out.idle_cores = (self.operator.cpu_seconds() - cpu) / passed
        self.out.idle_calls = (self.cluster.counts()["calls"] - calls) / passed
        self.remember_memory("at rest")

    def first_of(self, index: int, seconds: float = 60) -> float:
        return wait_until(lambda: max(self.cluster.first()[index], 0), seconds, f"no command for policy {index}", every=0.01)

    def annotations(self) -> None:
        """Policy 0, 1, … alone, each when the one before is done; then the next ones all at the same time, and more beside them."""
        size, out = self.size, self.out
        for i in range(size.single_annotations):
            promoted = self.cluster.counts()["promoted"]
            self.cluster.order("/annotate", From=i, To=i + 1, Value=f"alone-{i}")
            out.annotate_idle.append(self.first_of(i))
            wait_until(lambda: self.cluster.counts()["promoted"] - promoted >= size.pods_each, 60, "the reload does not end")
            time.sleep(1)
        self.settle()
        begin = size.single_annotations
        self.cluster.order("/annotate", From=begin, To=begin + size.storm, Value="storm")
        for i in range(begin + size.storm, begin + size.storm + 10):
            self.cluster.order("/annotate", From=i, To=i + 1, Value="beside")
            out.annotate_beside.append(self.first_of(i))
        wait_until(lambda: min(self.cluster.first()[begin:begin + size.storm]) > 0, 120, "not all of the storm's reloads have begun")
        out.annotate_storm = self.cluster.first()[begin:begin + size.storm]
        self.settle()

    def changes(self) -> None:
        """The ConfigMaps of all policies within one second."""
        size, out = self.size, self.out
        self.cluster.requests()
        promoted, began, rejected = self.cluster.counts()["promoted"], time.monotonic(), self.cluster.rejected()
        self.cluster.order("/change", From=0, To=size.policies, Value="v1", Within=1)
        wait_until(lambda: min(self.cluster.first()[:size.policies]) > 0, 300, "not all reloads have begun")
        out.changes_started = time.monotonic() - began
        every = size.policies * size.pods_each
        wait_until(lambda: self.cluster.counts()["promoted"] - promoted >= every, 900, "not all pods are promoted", every=0.2)
        out.changes_ended = time.monotonic() - began
        self.remember_memory("in the storm")
        found = self.settle()
        self.remember_memory("after the storm")
        touched = sum(n for (verb, what, _), n in found.items() if (verb, what) == ("patch", "pods"))
        out.per_touch = touched / every
        out.per_reload = (sum(found.values()) - touched) / size.policies
        out.throttled = self.cluster.rejected() - rejected + sum(n for (*_, code), n in found.items() if code == 429)
        out.requests = {f"{verb} {what} {code}": n / size.policies for (verb, what, code), n in found.most_common(20)}

    def whole(self, index: int, prefix: str) -> float:
        began = time.monotonic()
        self.cluster.order("/annotate", From=index, To=index + 1, Value=f"{prefix}-t")

        def ended():
            items = self.cluster.api.call("GET", f"/apis/sidestep.dev/v1alpha1/namespaces/{prefix}-ns-0/reloads")["items"]
            return items and items[0].get("status", {}).get("phase") in FINAL and items[0]["status"]["phase"]
        phase = wait_until(ended, 120, f"the reload of {prefix} did not end")
        assert phase == "Succeeded", phase
        return time.monotonic() - began

    def steps(self) -> None:
        self.out.single = self.whole(self.size.policies, "single")
        self.out.wide = self.whole(self.size.policies + 1, "wide")

    def judging(self) -> int:
        return self.cluster.counts()["phases"].get("Judging", 0)

    def verdicts(self) -> None:
        """By hand and by errors of candidates; from the first pod that is back to the last, and from the order."""
        for how in ("abort", "errors"):
            self.cluster.order("/annotate", From=self.size.policies + 2, To=self.size.policies + 3, Value=how)
            wait_until(lambda: self.judging() == self.size.wide, 120, "not all pods are judged")
            time.sleep(2)
            began = time.monotonic()
            if how == "abort":
                self.cluster.api.kubectl("annotate", "reloads", "--all", "sidestep.dev/abort=true", "-n", "canary-ns-0", check=True)
            else:
                self.cluster.order("/errors", Errors=250)
            first = wait_until(lambda: self.judging() < self.size.wide and time.monotonic(), 60, "no pod is taken back", every=0.005)
            last = wait_until(lambda: self.judging() == 0 and time.monotonic(), 60, "not all pods are taken back", every=0.005)
            self.out.back[how] = (last - first, last - began)
            self.settle()
        self.cluster.order("/errors", Errors=0)

    def all(self) -> Numbers:
        self.make()
        self.cluster.requests()
        for part in (self.sticks, self.starts, self.idle, self.annotations, self.changes, self.steps, self.verdicts):
            part()
            self.out.load.append(round(os.getloadavg()[0], 1))
            print(f"  {part.__name__}: done, load average {self.out.load[-1]}", flush=True)
            (self.cluster.folder / "numbers.json").write_text(json.dumps(vars(self.out) | {"size": vars(self.size)}, indent=1))
        return self.out


def milliseconds(values, q) -> float:
    return stats.quantile(values, q) * 1000


def goals_of(n: Numbers) -> list[stats.Goal]:
    """The table of the README; see there for what stands behind each."""
    size = n.size
    goals = [stats.Goal(f"resident memory, {size.policies} policies and {size.policies * size.pods_each} pods, each policy with a ConfigMap", "30 MiB",
                        ", ".join(f"{kib / 1024:.1f} MiB {when}" for when, kib in n.memory.items()), n.memory["at rest"] <= 30 * 1024)]
    alone = milliseconds(n.stick_alone, 0.5)
    for what, values in ((f"idle (floor {alone:.0f} ms)", n.annotate_idle), (f"{size.storm} policies at once", n.annotate_storm), ("one more beside them", n.annotate_beside)):
        p50, p99 = milliseconds(values, 0.5), milliseconds(values, 0.99)
        goals.append(stats.Goal(f"annotate → first command, {what}", "p50 20 ms, p99 100 ms", f"{p50:.0f} ms, {p99:.0f} ms", p50 <= 20 and p99 <= 100))
    goals += [
        stats.Goal(f"{size.policies} ConfigMaps changed in one second: all reloads started (floor {n.stick_storm:.1f} s)", "10 s", f"{n.changes_started:.1f} s", n.changes_started <= 10),
        stats.Goal("API requests per reload", "12", f"{n.per_reload:.1f}", n.per_reload <= 12),
        stats.Goal("and per pod touched", "1", f"{n.per_touch:.2f}", n.per_touch <= 1.01),
        stats.Goal("requests refused as too many", "0", str(n.throttled), n.throttled == 0),
        stats.Goal("start → ready", "3 s", ", ".join(f"{s:.2f} s" for s in [n.ready_first, *n.ready]), max(n.ready) <= 3),
        stats.Goal("CPU when nothing changes", "2 milli-cores", f"{n.idle_cores * 1000:.2f}", n.idle_cores <= 0.002),
        stats.Goal(f"{size.wide} pods, 3 steps without pauses", "3 × one pod", f"{n.wide:.2f} s / {n.single:.2f} s = {n.wide / n.single:.2f}", n.wide <= 3 * n.single)]
    for how, (spread, whole) in n.back.items():
        goals.append(stats.Goal(f"{size.wide} pods taken back, {how}", f"{size.wide / 100:.0f} s from first to last", f"{spread:.2f} s ({whole:.2f} s from the order)",
                                spread <= size.wide / 100))
    return goals


def report(n: Numbers) -> str:
    rows = [[what, f"{each:.2f}"] for what, each in n.requests.items()]
    return (f"### Operator with a large fleet\n\nObjects made in {n.made_in:.0f} s; threads {n.threads}; sidecar calls at rest {n.idle_calls:.1f}/s; all of the storm's reloads "
            f"ended after {n.changes_ended:.1f} s; load average after each part {n.load}\n\n" + stats.table(["request of the storm", "per reload"], rows))


def run(options) -> tuple[str, dict, list[stats.Goal]]:
    """As bench/run.py calls it."""
    crowd = big_cluster.build_crowd(options.go_bins)
    size = Size(policies=options.policies, pods_each=options.pods // options.policies,
                single_annotations=min(30, options.policies // 5), storm=min(100, options.policies // 3))
    with big_cluster.BigCluster(big_cluster.TOP / "build/bench/fleet", crowd) as cluster:
        numbers = Run(cluster, options.bins / "sidestep-operator", size).all()
    return report(numbers), vars(numbers) | {"size": vars(size)}, goals_of(numbers)
