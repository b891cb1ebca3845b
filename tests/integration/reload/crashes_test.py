"""Whatever dies: active, worker, the whole proxy. And the end."""
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from conftest import APP, BINS, Service, eventually, free_port


@pytest.mark.fault("C8", "only the app dies, under traffic: restarted, requests wait", ci=1, soak=20)
def test_active_that_dies_is_restarted_and_requests_wait(service, traffic):
    s = service()
    clients = traffic(s)
    os.kill(s.status()["active"]["pid"], signal.SIGKILL)
    eventually(lambda: s.status()["active"] and s.status()["active"]["restarts"] == 1, "it is started again")
    eventually(lambda: s.status()["phase"] == "Serving", "it serves")
    clients.stop()
    assert all(status == 0 for status, _ in clients.bad) and len(clients.bad) <= 4  # at most what it was answering
    assert s.status()["active"]["generation"] == 2


def test_after_a_rollback_a_restart_starts_from_the_good_configuration(service, tmp_path):
    config = tmp_path / "app.conf"
    config.write_text("name good\n")
    s = service("--config", "{config}", policy={"config": [{"path": str(config), "mode": "Pinned"}]})
    config.write_text("exit 9\n")
    assert s.reload(expect=1)["reason"] == "ExitedEarly"
    os.kill(s.status()["active"]["pid"], signal.SIGKILL)
    eventually(lambda: s.status()["active"] and s.status()["active"]["restarts"] == 1 and s.status()["phase"] == "Serving", "restarted")
    assert s.get()[1] == "good"
    config.write_text("name better\n")
    s.reload()
    assert s.get()[1] == "better"


@pytest.mark.fault("C7", "B crashes right after its promotion: A, still warm, takes over", ci=1, soak=20)
def test_a_crash_right_after_the_promotion_brings_the_warm_generation_back(service):
    s = service(policy={"strategy": {"overlap": {"onMemoryPressure": "Ignore", "rollbackWindowSeconds": 60}}})
    s.reload("--name", "two")
    assert s.get()[1] == "two"
    os.kill(s.status()["active"]["pid"], signal.SIGKILL)
    eventually(lambda: s.get()[1] == "one", "the warm one takes over")
    assert s.status()["active"]["generation"] == 1


def test_a_crash_loop_ends_with_the_status_of_the_app(service):
    s = service("--exit-after", "0.3", wait=False)
    assert s.process.wait(60) == 3
    assert "the app is given up" in s.output()


def test_a_first_command_that_does_not_exist_ends_at_once(service):
    s = service(command=["/no/such/program"], wait=False)
    assert s.process.wait(20) != 0
    assert "/no/such/program" in s.output()


def test_a_killed_worker_refuses_no_connection_and_keeps_the_app(service, traffic):
    s = service()
    s.reload("--name", "two")
    eventually(lambda: s.status()["retiring"] == [], "the previous generation is gone")
    pids = s.pids_of_app()
    refused, astray = [], []
    ended = threading.Event()

    def knock():
        while not ended.is_set():
            try:
                answer = s.get()[1]
                if answer != "two":
                    astray.append(answer)
            except ConnectionRefusedError as error:
                refused.append(error)
            except Exception:  # what was open at that moment may fail once
                pass
            time.sleep(0.002)

    thread = threading.Thread(target=knock)
    thread.start()
    worker = s.worker()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: s.worker() not in (0, worker) and s.get()[1] == "two", "another worker serves")
    ended.set()
    thread.join()
    assert refused == [] and astray == []
    eventually(lambda: s.pids_of_app() != {0}, "the next worker has been told who the app is")
    assert s.pids_of_app() == pids and s.status()["active"]["generation"] == 2


def test_a_worker_killed_in_a_canary_takes_the_candidate_back(service):
    s = service(policy={"rollout": {"steps": [{"weightPerTenThousand": 5000, "pauseSeconds": 60}, {"weightPerTenThousand": 10000}]}})
    s.command("reload", "--no-wait", "--", sys.executable, str(APP), "--name", "two")
    eventually(lambda: s.status()["phase"] == "Judging", "the candidate is judged")
    candidate = s.status()["candidate"]["pid"]
    worker = s.worker()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: s.worker() not in (0, worker) and s.status()["reload"]["phase"] == "Interrupted", "the record says so")
    eventually(lambda: not os.path.exists(f"/proc/{candidate}"), "the candidate is stopped")
    assert s.get()[1] == "one"


def test_a_killed_proxy_is_followed_by_one_that_adopts_the_app(service):
    s = service()
    s.reload("--name", "two")
    pid = s.status()["active"]["pid"]
    os.killpg(s.process.pid, signal.SIGKILL)
    s.process.wait()
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(s.get(timeout=15)))
    waiting.start()  # its connection waits in the queue that the launcher holds
    time.sleep(0.3)
    s.start()
    waiting.join()
    assert answers and answers[0][1] == "two"
    eventually(lambda: s.status()["active"]["pid"] == pid, "the next proxy has been told who the app is")


def test_a_port_in_use_is_named_and_nothing_is_started(service, tmp_path):
    s = service()
    other = tmp_path / "other"
    other.mkdir()
    done = subprocess.run([BINS / "sidestep", "run", "--listen", f"127.0.0.1:{s.port}", "--control", other / "c.sock", "--", "sleep", "60"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert str(s.port) in done.stderr and "is taken by process" in done.stderr


def test_a_control_port_in_use_is_named_and_nothing_is_started(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([BINS / "sidestep", "run", "--listen", f"127.0.0.1:{free_port()}", "--control", tmp_path / "c.sock",
                               "--control-listen", f"127.0.0.1:{port}", "--", "sleep", "60"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "spawned" not in done.stderr
    assert f"127.0.0.1:{port}: Address already in use; stop what listens there, or choose another address with --control-listen" in done.stderr


def test_an_attached_app_that_is_not_there_is_named_within_a_second(tmp_path):
    port = free_port()
    process = subprocess.Popen([BINS / "sidestep", "run", "--listen", f"127.0.0.1:{free_port()}", "--control", tmp_path / "c.sock", "--attach",
                                f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
    began = time.monotonic()
    for line in process.stderr:
        if f"nobody listens on 127.0.0.1:{port}" in line:
            break
    else:
        raise AssertionError("it was not named")
    assert time.monotonic() - began < (2 if "SIDESTEP_SANITIZED" not in os.environ else 20)  # 0.4 s, and the start
    process.terminate()
    process.communicate(timeout=20)


def test_the_first_app_that_forks_away_or_has_no_interpreter_is_named_at_once_and_ends_with_a_failure(service, tmp_path):
    s = service("--fork-away", wait=False)
    eventually(lambda: "started another process and ended: run the app in the foreground" in s.output(), "it is named", seconds=5)
    assert s.process.wait(30) == 1
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    other = service(command=[script], wait=False)
    assert other.process.wait(10) == 127
    assert "its interpreter is not in this image" in other.output()


def test_sigterm_finishes_what_is_open_and_stops_the_app(service):
    s = service()
    pid = s.status()["active"]["pid"]
    answers = []
    slow = threading.Thread(target=lambda: answers.append(s.get("/slow?ms=1200")))
    slow.start()
    time.sleep(0.4)
    assert s.terminate() == 0
    slow.join()
    assert answers and answers[0][0] == 200
    assert not os.path.exists(f"/proc/{pid}")


def test_an_attached_app_is_fronted_and_moved_from(service, tmp_path):
    ports = [free_port(), free_port()]
    apps = [subprocess.Popen([sys.executable, APP, "--port", str(port), "--name", name]) for port, name in zip(ports, ("a", "b"))]
    try:
        s = Service.__new__(Service)
        s.words, s.app = ["--attach", f"127.0.0.1:{ports[0]}"], []
        s.folder, s.port, s.control, s.policy = tmp_path, free_port(), tmp_path / "c.sock", tmp_path / "p.json"
        s.policy.write_text("{}")
        s.log = open(tmp_path / "log", "ab")
        s.process = subprocess.Popen([BINS / "sidestep", "run", "--listen", f"127.0.0.1:{s.port}", "--control", s.control, *s.words],
                                     stdin=subprocess.DEVNULL, stdout=s.log, stderr=s.log, start_new_session=True)
        s.serves()
        assert s.get()[1] == "a"
        assert s.command("reload", "--attach", f"127.0.0.1:{ports[1]}").returncode == 0
        assert s.get()[1] == "b"
        s.stop()
        assert all(app.poll() is None for app in apps)
    finally:
        for app in apps:
            app.kill()
            app.wait()
