"""A pod without a cluster: `sidestep proxy` and `sidestep-launch` as two containers would run them, under two user ids."""
import http.client
import json
import lzma
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import APP, BINS, QUICK, Service, eventually, free_port

PROXY_USER, APP_USER = 65532, 1000


# A container's environment is its own; only what steers sanitizers and the filter comes from outside.
SANITIZERS = {name: value for name, value in os.environ.items() if name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "SIDESTEP_SECCOMP")}


class Pod(Service):
    def __init__(self, folder, policy=None, launcher=None, launcher_words=(), has_own_processes=False, before_app=lambda pod: None):
        folder.chmod(0o755)
        self.launcher_words, self.has_own_processes = launcher_words, has_own_processes
        self.folder, self.port, self.control_port = folder, free_port(), free_port()
        self.volume, self.state, self.log = folder / "volume", folder / "state", open(folder / "log", "ab")
        for made in (self.volume, self.state):
            made.mkdir()
            self.give(made, PROXY_USER)
        self.image = folder / "image"  # other users may not reach the folder that this was built in
        self.image.mkdir(mode=0o755)
        for program in (BINS / "sidestep", BINS / "sidestep-launch", APP):
            shutil.copy(program, self.image)
            (self.image / program.name).chmod(0o755)
        self.launcher_program = launcher(self.image) if launcher else self.volume / "sidestep-launch"
        self.configs = folder / "configs"
        self.configs.mkdir()
        self.give(self.configs, APP_USER)
        self.control = self.state / "control.sock"
        self.policy = {**QUICK, "shutdown": {"gracePeriodSeconds": 20, "endpointsGraceSeconds": 1}, **(policy or {})}
        self.start_sidecar()
        done = self.command("wait", "--listening")
        assert done.returncode == 0, done.stderr + self.output()
        before_app(self)
        self.start_app("one")
        self.serves()

    @staticmethod
    def give(path, user):
        if os.getuid() == 0:
            os.chown(path, user, user)

    @staticmethod
    def user(number):
        return {"user": number, "group": number, "extra_groups": []} if os.getuid() == 0 else {}

    def start_sidecar(self):
        environment = {**SANITIZERS, "PATH": os.environ["PATH"], "SIDESTEP_POLICY": json.dumps(self.policy), "SIDESTEP_RUN_DIR": str(self.volume),
                       "SIDESTEP_STATE_DIR": str(self.state), "SIDESTEP_LISTEN": f"127.0.0.1:{self.port}",
                       "SIDESTEP_CONTROL_LISTEN": f"127.0.0.1:{self.control_port}", "SIDESTEP_POD_UID": "pod-1"}
        self.process = subprocess.Popen([self.image / "sidestep", "proxy"], env=environment, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True, **self.user(PROXY_USER))

    def start_app(self, name, *flags):
        environment = {**SANITIZERS, "PATH": os.environ["PATH"], "SIDESTEP_RUN_DIR": str(self.volume), "SIDESTEP_CONFIG_DIR": str(self.configs)}
        # A namespace of processes of its own, as without shareProcessNamespace: the launcher is process 1 there.
        before = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "setpriv", f"--reuid={APP_USER}", f"--regid={APP_USER}", "--clear-groups",
                  "--no-new-privs"] if self.has_own_processes else []
        self.launcher = subprocess.Popen(
            [*before, self.launcher_program, *self.launcher_words, "--", "/usr/bin/python3", self.image / APP.name, "--port", "{port}", "--name", name, *flags],
            env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True, **({} if before else self.user(APP_USER)))

    def stop(self):
        for process in (self.process, getattr(self, "launcher", self.process)):
            if process.poll() is None:
                process.kill()
                process.wait()
        subprocess.run(["pkill", "-KILL", "-s", str(self.launcher.pid)], check=False)
        self.log.close()


@pytest.fixture
def pod(tmp_path, stopping):
    for folder in (tmp_path, *tmp_path.parents):
        if os.getuid() == 0 and not os.stat(folder).st_mode & 0o005:
            try:
                folder.chmod(folder.stat().st_mode | 0o055)
            except OSError:
                pytest.skip(f"{folder} cannot be reached by other users")
    return lambda **settings: stopping(Pod(tmp_path, **settings))


def test_the_app_starts_with_its_containers_command_and_reloads(pod, traffic):
    p = pod()
    clients = traffic(p)
    p.reload(words=("--env", "COLOUR=red"))
    clients.stop()
    assert clients.bad == [] and p.get("/env/COLOUR")[1] == "red"
    assert p.status()["podUid"] == "pod-1"


@pytest.mark.fault("G2", "a deleted pod serves until no request comes, then the app is stopped, then the sidecar", ci=1, soak=20)
def test_the_pods_end_serves_until_quiet_then_stops_the_app_and_lets_go(pod):
    p = pod()
    hook = subprocess.Popen([BINS / "sidestep", "pod-ending", "--control", p.control])
    p.launcher.send_signal(signal.SIGTERM)  # as the kubelet does, at the same moment
    time.sleep(0.3)
    assert p.get()[0] == 200  # endpoints lag behind: still served
    assert hook.wait(20) == 0
    assert p.launcher.wait(10) == 0
    p.process.send_signal(signal.SIGTERM)
    assert p.process.wait(10) == 0


@pytest.mark.fault("G3", "the app's container ends first: requests wait for the next one", ci=1, soak=20)
def test_a_restart_of_the_app_container_alone_makes_requests_wait(pod):
    p = pod()
    p.launcher.send_signal(signal.SIGTERM)
    p.launcher.wait(20)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(p.get(timeout=20)))
    waiting.start()
    time.sleep(0.3)
    p.start_app("two")
    waiting.join()
    assert answers and answers[0][0] == 200


@pytest.mark.fault("G1", "a native sidecar in the kubelet's order: it begins before the app, and ends after the hook and the app", ci=1, soak=20)
def test_a_native_sidecar_begins_before_the_app_and_ends_after_it(pod):
    early = []

    def before_app(p):  # postStart has returned: the launcher lies there, and clients are taken
        assert os.access(p.volume / "sidestep-launch", os.X_OK)
        early.append(socket.create_connection(("127.0.0.1", p.port), timeout=20))
        early[0].sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    p = pod(before_app=before_app)
    answer = http.client.HTTPResponse(early[0])
    answer.begin()
    pid = answer.read().decode().strip()
    assert answer.status == 200 and os.path.exists(f"/proc/{pid}")
    hook = subprocess.Popen([BINS / "sidestep", "pod-ending", "--control", p.control])
    p.launcher.send_signal(signal.SIGTERM)  # at once, as the kubelet does
    for _ in range(5):
        assert p.get()[0] == 200 and p.launcher.poll() is None and hook.poll() is None, "nothing ends while requests come"
        time.sleep(0.3)
    assert hook.wait(20) == 0 and p.launcher.wait(10) == 0
    assert not os.path.exists(f"/proc/{pid}"), "the app ends first"
    assert p.process.poll() is None and p.status()["phase"] == "Stopping", "the sidecar waits for its own signal"
    p.process.send_signal(signal.SIGTERM)
    assert p.process.wait(10) == 0


@pytest.mark.fault("G3", "the app ends for good while the pod ends: 503 and close, then the proxy leaves", ci=1, soak=20)
def test_an_app_that_ends_for_good_is_answered_for_and_then_the_proxy_leaves(pod):
    p = pod(policy={"shutdown": {"gracePeriodSeconds": 20, "endpointsGraceSeconds": 2}})
    kept = http.client.HTTPConnection("127.0.0.1", p.port, timeout=20)
    kept.request("GET", "/pid")
    pid = int(kept.getresponse().read())
    hook = subprocess.Popen([BINS / "sidestep", "pod-ending", "--control", p.control])
    eventually(lambda: p.status()["phase"] == "Stopping", "the pod ends")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), "the app is gone")
    kept.request("GET", "/")
    answer = kept.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (503, "close"), answer.read()
    assert int(answer.getheader("Retry-After")) > 0
    assert hook.wait(20) == 0
    p.launcher.wait(10)
    p.process.send_signal(signal.SIGTERM)
    assert p.process.wait(10) == 0
    with pytest.raises(ConnectionRefusedError):
        p.get()


@pytest.mark.parametrize("own", [False, True], ids=["shared", "of_its_own"])
@pytest.mark.fault("G9", "shareProcessNamespace on and off: reloads, the app's children, the container's end", ci=1, soak=20)
def test_it_is_the_same_with_one_namespace_of_processes_and_with_two(pod, traffic, own):
    if own and (os.getuid() != 0 or subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True).returncode != 0):
        pytest.skip("this machine cannot make namespaces of processes")
    p = pod(has_own_processes=own)
    clients = traffic(p)
    for colour in ("red", "blue"):
        p.reload(words=("--env", f"COLOUR={colour}"))
    clients.stop()
    assert clients.bad == [] and p.get("/env/COLOUR")[1] == "blue"
    pid = int(p.get("/pid")[1])
    assert p.status()["active"]["pid"] == pid  # as the launcher and the app count processes
    assert (pid < 100) == own
    hook = subprocess.Popen([BINS / "sidestep", "pod-ending", "--control", p.control])
    assert hook.wait(20) == 0
    assert p.launcher.wait(10) == 0
    assert subprocess.run(["pgrep", "-f", p.image / APP.name], capture_output=True).returncode == 1, "no process of the app is left"


def test_a_killed_sidecar_container_is_followed_by_one_that_adopts_the_app(pod):
    p = pod()
    pid = p.get("/pid")[1]
    os.killpg(p.process.pid, signal.SIGKILL)
    p.process.wait()
    p.start_sidecar()
    eventually(lambda: p.get("/pid")[1] == pid, "the same process serves")


def test_sigterm_of_the_sidecar_container_alone_leaves_the_app_to_the_next(pod):
    p = pod()
    pid = p.get("/pid")[1]
    assert p.terminate() == 0
    p.start_sidecar()
    eventually(lambda: p.get("/pid")[1] == pid, "the same process serves")


def cgroup(folder, limit, used):
    """A made-up tree of cgroup v2, as a container sees it: its own group is the root."""
    for name, text in (("proc/self/cgroup", "0::/"), ("sys/fs/cgroup/memory.max", limit), ("sys/fs/cgroup/memory.current", used),
                       ("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 1048576")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return ("--system-root", str(folder))


@pytest.mark.parametrize("action", ["Refuse", "Hold", "Ignore"])
def test_memory_that_is_short_is_met_as_the_policy_says(pod, tmp_path, action):
    words = cgroup(tmp_path / "system", limit=64 << 20, used=(64 << 20) - 4096)
    p = pod(policy={"strategy": {"overlap": {"onMemoryPressure": action}}}, launcher_words=words)
    pid = p.get("/pid")[1]
    reload = p.reload(expect=1 if action == "Refuse" else 0)
    assert (p.get("/pid")[1] == pid) == (action == "Refuse")

    def decisions():
        words = ("spawned generation=2", "exited generation=1")
        return [word for line in p.output().splitlines() for word in words if word in line]
    if action == "Refuse":
        assert reload["reason"] == "MemoryPressure" and "of 64 MiB are left" in reload["message"] and decisions() == []
    else:  # Hold: one goes before the other comes
        eventually(lambda: len(decisions()) == 2, "one came and one went")
        assert decisions() == ["exited generation=1", "spawned generation=2"][::1 if action == "Hold" else -1]


FIRST_RELEASE = Path(__file__).parent / "first_release/sidestep-launch-0.1.0-x86_64.xz"


def first_release(image):
    program = image / "sidestep-launch-0.1.0"
    program.write_bytes(lzma.decompress(FIRST_RELEASE.read_bytes()))
    program.chmod(0o755)
    return program


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the stored launcher cannot run on this machine")
def test_the_first_releases_launcher_works_with_this_proxy(pod, traffic):
    p = pod(launcher=first_release, policy={"strategy": {"overlap": {"onMemoryPressure": "Refuse"}}})
    clients = traffic(p)
    p.reload(words=("--env", "COLOUR=red"))
    assert p.get("/env/COLOUR")[1] == "red"
    pid = p.get("/pid")[1]
    p.process.send_signal(signal.SIGKILL)  # the whole sidecar: the launcher hands the listeners to the next one
    subprocess.run(["pkill", "-KILL", "-s", str(p.process.pid)], check=False)
    p.process.wait()
    p.start_sidecar()
    eventually(lambda: p.get("/pid")[1] == pid, "the same process serves")
    p.reload()
    clients.stop()
    refused = [bad for bad in clients.bad if "refused" in bad[1].lower()]
    assert refused == [] and p.get("/pid")[1] != pid
    hook = subprocess.Popen([BINS / "sidestep", "pod-ending", "--control", p.control])
    p.launcher.send_signal(signal.SIGTERM)
    assert hook.wait(20) == 0 and p.launcher.wait(10) == 0


def test_memory_that_suffices_and_memory_that_is_short_but_forced_let_two_overlap(pod, tmp_path):
    words = cgroup(tmp_path / "system", limit=8 << 30, used=1 << 20)
    p = pod(policy={"strategy": {"overlap": {"onMemoryPressure": "Refuse"}}}, launcher_words=words)
    assert p.reload()["phase"] == "Succeeded"
    cgroup(tmp_path / "system", limit=64 << 20, used=64 << 20)
    assert p.reload(words=("--force",))["phase"] == "Succeeded"
