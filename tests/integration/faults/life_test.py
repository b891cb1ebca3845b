"""Group G, as far as it needs no cluster: readiness and liveness while the app is away, a throttled CPU, the clock of the end."""
import http.client
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
import rig


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@pytest.mark.fault("G4", "readiness stays true while the hold has room, liveness does not show the app", ci=1, soak=20)
def test_readiness_lasts_as_long_as_the_hold_and_liveness_does_not_care(proxy, app, losses):
    for _ in losses.rounds():
        control = rig.free_port()
        a = app(rig.answering())
        p = proxy(a, "--shards", 1, "--control-listen", f"127.0.0.1:{control}", policy={"hold": {"maxRequests": 3, "timeoutSeconds": 30}})
        rig.eventually(lambda: ask(control, "/readyz") == 200, "ready")
        a.stop()
        waiting = []
        for held in range(3):
            assert ask(control, "/readyz") == 200 and ask(control, "/healthz") == 200, f"with {held} held"
            waiting.append(p.connect())
            waiting[-1].send(rig.GET)
            rig.eventually(lambda: p.status()["held"] == len(waiting), "it waits")
        assert ask(control, "/healthz") == 200
        losses.served(len(waiting))
        p.stop()


@pytest.mark.fault("G5", "a kubelet's probe through the proxy is a request like any other", ci=1, soak=20)
def test_a_kubelets_probe_is_answered_by_the_app(proxy, app, losses):
    asked = []

    def handle(conn):
        while head := conn.message()[0]:
            asked.append(head)
            conn.send(rig.OK)
    p = proxy(app(handle))
    for _ in losses.rounds():
        with p.connect() as kubelet:
            kubelet.send(b"GET /healthz HTTP/1.1\r\nHost: 10.0.0.7:8080\r\nUser-Agent: kube-probe/1.31\r\nAccept: */*\r\nConnection: close\r\n\r\n")
            head, body = kubelet.message()
            losses.served() if body == b"ok" and kubelet.ends() == "fin" else losses.lost(f"{head!r}")
    assert "\r\nHost: 10.0.0.7:8080\r\n" in asked[-1] and "\r\nUser-Agent: kube-probe/1.31\r\n" in asked[-1]


class Throttled:
    """A cgroup in which processes get a part of one core; None where the machine has none to give."""

    def __init__(self, percent):
        self.folder = None
        for root, names in ((Path("/sys/fs/cgroup/cpu"), ("cpu.cfs_period_us", "cpu.cfs_quota_us")), (Path("/sys/fs/cgroup"), ("cpu.max",))):
            folder = root / f"sidestep-faults-{os.getpid()}"
            try:
                folder.mkdir()
                if len(names) == 1:
                    (folder / names[0]).write_text(f"{percent * 1000} 100000")
                else:
                    (folder / names[0]).write_text("100000")
                    (folder / names[1]).write_text(str(percent * 1000))
                self.folder = folder
                return
            except OSError:
                try:
                    folder.rmdir()
                except OSError:
                    pass

    def take(self, pids):
        for pid in pids:
            (self.folder / "cgroup.procs").write_text(str(pid))

    def throttled(self):
        return int(dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())["nr_throttled"])

    def end(self):
        rig.eventually(lambda: not (self.folder / "cgroup.procs").read_text(), "its processes are gone")
        self.folder.rmdir()


@pytest.mark.fault("G6", "a hundredth of a core, throttled again and again: slow, but no time limit fires early", ci=1, soak=20)
def test_a_throttled_proxy_answers_everything(proxy, quiet_app, losses):
    group = Throttled(1)
    if not group.folder:
        pytest.skip("this machine cannot limit a group's CPU")
    p = proxy(quiet_app(), "--header-timeout", "3s", "--app-answer-timeout", "5s")
    group.take(rig.processes.tree(p.process.pid))
    for _ in losses.rounds():
        clients = [p.connect() for _ in range(40)]
        slow = p.connect()
        slow.send(rig.GET[:-2])
        the_rest = threading.Timer(2, slow.send, (b"\r\n",))  # within its three seconds, however long the others take
        the_rest.start()
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for client in clients:
                client.send(rig.GET)
            for client in clients:
                head, body = client.message()
                losses.served() if body == b"ok" else losses.lost(f"{head!r}")
        the_rest.join()
        head, body = slow.message()
        losses.served() if body == b"ok" else losses.lost(f"the slow head: {head!r}")
        for client in [slow, *clients]:
            client.conn.close()
    throttled = group.throttled()
    p.stop()
    group.end()
    assert throttled > 3, "it was not throttled"


@pytest.mark.fault("G10", "an app that ignores SIGTERM and a request that never ends: all is over within the grace period", ci=1, soak=20)
def test_the_end_comes_within_the_grace_period(proxy, losses):
    command = [sys.executable, rig.TOP / "tests/integration/apps/app.py", "--ignore-term"]
    for _ in losses.rounds():
        p = proxy(command=command, policy={"shutdown": {"gracePeriodSeconds": 4, "endpointsGraceSeconds": 1, "appStopSeconds": 1}})
        client = p.connect()
        client.send(rig.GET.replace(b" / ", b" /slow?ms=60000 "))
        rig.eventually(lambda: p.counter("sidestep_requests_in_flight") >= 1, "it is under way")
        children = [pid for pid in rig.processes.tree(p.process.pid) if pid != p.process.pid]
        began = time.monotonic()
        p.process.send_signal(signal.SIGTERM)
        p.process.wait(20)
        took = time.monotonic() - began
        head, _ = client.message()
        assert head.startswith("HTTP/1.1 503 ") or not head, head
        assert took < 4.5 or rig.IS_SANITIZED, f"{took:.1f} s of 4 s"
        rig.eventually(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()], "no process is left", 2)
        losses.served()
