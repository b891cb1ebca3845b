"""One reload from end to end: what succeeds, what fails and how it is told, and that nobody notices."""
import json
import os
import signal
import sys
import time

from conftest import APP, eventually

STEPS = {"rollout": {"steps": [{"weightPerTenThousand": 5000, "pauseSeconds": 30}, {"weightPerTenThousand": 10000}]},
         "analysis": {"minimumRequests": 30, "maxErrorRatePerTenThousand": 100}}


def test_a_reload_moves_every_request_and_loses_none(service, traffic):
    s = service()
    clients = traffic(s)
    reload = s.reload("--name", "two")
    clients.stop()
    assert clients.bad == []
    assert set(clients.served) == {"one", "two"}
    assert reload["phase"] == "Succeeded" and reload["receipt"]["failed"] == 0
    status = s.status()
    assert status["phase"] == "Serving" and status["active"]["generation"] == 2 and status["candidate"] is None
    eventually(lambda: s.status()["retiring"] == [], "the previous generation is gone")


def test_a_candidate_that_exits_is_told_with_its_status_and_last_lines(service, traffic):
    s = service()
    clients = traffic(s)
    reload = s.reload("--name", "bad", "--exit-at-start", "5", expect=1)
    clients.stop()
    assert clients.bad == [] and set(clients.served) == {"one"}
    assert reload["reason"] == "ExitedEarly" and reload["exit"] == {"status": 5, "signal": 0}
    assert "bad: cannot read its configuration" in reload["output"]


def test_a_candidate_whose_answers_take_longer_is_taken_back_and_one_as_fast_is_not(service, traffic):
    policy = {"rollout": {"steps": [{"weightPerTenThousand": 5000, "pauseSeconds": 3}, {"weightPerTenThousand": 10000}]},
              "analysis": {"minimumRequests": 30, "onNoTraffic": "Hold", "maxLatencyIncreasePercent": 100}}
    s = service("--delay", "0.02", policy=policy)
    clients = traffic(s, clients=6)
    assert s.reload("--name", "two", "--delay", "0.02")["phase"] == "Succeeded"
    reload = s.reload("--name", "slow", "--delay", "0.3", expect=1)
    clients.stop()
    assert reload["reason"] == "Latency" and "the limit is 100 % above active" in reload["message"], reload
    assert clients.bad == [] and s.get()[1] == "two"
    latency = reload["judged"]["candidate"]["latency"]
    assert sum(latency["buckets"]) >= 30 and latency["sumMicros"] > 30 * 300_000


def test_a_candidate_that_is_never_ready_is_taken_back_at_its_deadline(service):
    s = service(policy={"readiness": {"httpGet": {"path": "/readyz"}, "startDeadlineSeconds": 1}})
    reload = s.reload("--name", "bad", "--never-ready", expect=1)
    assert reload["reason"] == "NotReadyInTime" and "1 s" in reload["message"]
    assert s.get()[1] == "one"


def test_a_candidate_on_another_port_is_named_within_a_second_and_taken_back(service):
    s = service(policy={"readiness": {"tcpSocket": {}, "startDeadlineSeconds": 8}})
    done = s.command("reload", "--no-wait", "--", sys.executable, str(APP), "--port", "0", "--name", "astray")
    assert done.returncode == 0, done.stderr
    eventually(lambda: "but was told" in (s.status()["reload"]["message"] or ""), "the wrong port is named", 7)
    ended = eventually(lambda: s.status()["reload"] if s.status()["reload"]["endedAt"] else None, "it ends")
    assert ended["phase"] == "Failed" and ended["reason"] == "WrongPort"


def test_a_command_that_does_not_exist_is_named_at_once(service):
    s = service()
    before = time.monotonic()
    done = s.command("reload", "-o", "json", "--", "/no/such/program")
    assert done.returncode == 1
    assert time.monotonic() - before < 15  # far below the start deadline
    reload = json.loads(done.stdout)["reload"]
    assert reload["reason"] == "SpawnFailed" and "/no/such/program" in reload["message"]
    assert s.get()[1] == "one"


def test_an_app_that_forks_away_is_named(service):
    s = service()
    reload = s.reload("--name", "forker", "--fork-away", expect=1)
    assert reload["reason"] == "ForkedAway"
    assert s.get()[1] == "one"


def test_a_candidate_with_errors_is_rolled_back_by_its_counters(service, traffic):
    s = service(policy=STEPS)
    clients = traffic(s)
    reload = s.reload("--name", "bad", "--errors", "40", expect=1)
    clients.stop()
    assert reload["reason"] == "ErrorRate"
    assert all(status == 500 and body == "bad" for status, body in clients.bad)  # its own answers, and nothing else
    assert s.status()["active"]["generation"] == 1


def test_steps_share_the_traffic_and_pause_resume_promote_steer_them(service, traffic):
    s = service(policy=STEPS)
    clients = traffic(s)
    assert s.command("reload", "--no-wait", "--", sys.executable, str(APP), "--name", "two").returncode == 0
    eventually(lambda: s.status()["phase"] == "Judging", "the candidate is judged")
    assert s.command("pause").returncode == 0
    assert s.status()["paused"] is True
    eventually(lambda: clients.served.get("two", 0) > 20, "the candidate takes its share")
    assert s.command("resume").returncode == 0 and s.status()["paused"] is False
    assert s.command("promote").returncode == 0
    eventually(lambda: s.status()["reload"]["phase"] == "Succeeded", "it is promoted")
    clients.stop()
    assert clients.bad == []


def test_abort_takes_the_candidate_back(service, traffic):
    s = service(policy=STEPS)
    clients = traffic(s)
    s.command("reload", "--no-wait", "--", sys.executable, str(APP), "--name", "two")
    eventually(lambda: s.status()["phase"] == "Judging", "the candidate is judged")
    assert s.command("abort").returncode == 0
    ended = eventually(lambda: s.status()["reload"] if s.status()["reload"]["endedAt"] else None, "it ends")
    assert ended["phase"] == "Aborted" and ended["reason"] == "AbortedByUser"
    clients.stop()
    assert clients.bad == [] and s.get()[1] == "one"


def test_promote_force_takes_a_candidate_that_is_not_ready(service):
    s = service()
    s.command("reload", "--no-wait", "--", sys.executable, str(APP), "--name", "two", "--never-ready")
    eventually(lambda: s.status()["candidate"], "the candidate runs")
    assert s.command("promote").returncode == 3
    time.sleep(0.5)  # it listens by now
    assert s.command("promote", "--force").returncode == 0
    eventually(lambda: s.get()[1] == "two", "the candidate serves")


def test_environment_and_command_stay_with_the_generation_and_its_restarts(service):
    s = service()
    s.reload("--name", "two", words=("--env", "COLOUR=red"))
    assert s.get("/env/COLOUR")[1] == "red"
    s.reload(words=("--env", "COLOUR=green"))
    assert s.get("/env/COLOUR")[1] == "green" and s.get()[1] == "two"


def test_an_app_on_a_unix_socket(service):
    s = service(policy={"listen": "socket"})
    s.reload("--name", "two")
    assert s.get()[1] == "two"
    assert s.status()["active"]["address"].startswith("unix:")


def test_hold_stops_first_and_nobody_is_refused(service, traffic):
    s = service(policy={"strategy": {"type": "Hold"}})
    clients = traffic(s)
    reload = s.reload("--name", "two")
    clients.stop()
    assert clients.bad == [] and set(clients.served) == {"one", "two"}
    assert reload["receipt"]["held"] > 0


def test_a_second_reload_while_one_starts_is_refused_and_the_same_id_is_not(service):
    s = service()
    slow = ["--", sys.executable, str(APP), "--name", "two", "--start-delay", "1.5"]
    assert s.command("reload", "--no-wait", *slow).returncode == 0
    assert s.command("reload", "--no-wait").returncode == 3
    assert s.command("wait").returncode == 0
    assert s.get()[1] == "two"


def test_an_app_that_can_be_reached_around_the_proxy_is_a_warning_as_long_as_it_runs(service):
    s = service("--host", "0.0.0.0")
    eventually(lambda: any("0.0.0.0" in warning for warning in s.status()["warnings"]), "the warning is there")
    s.reload("--name", "two", "--host", "127.0.0.1")
    eventually(lambda: s.status()["warnings"] == [], "the warning is gone")


def test_hold_waits_for_a_child_that_keeps_the_lock(service, tmp_path, traffic):
    lock = str(tmp_path / "lock")
    s = service("--lock", lock, policy={"strategy": {"type": "Hold"}})
    clients = traffic(s)
    receipt = s.reload("--name", "two", "--lock", lock)["receipt"]
    assert s.get()[1] == "two" and receipt["startMs"] >= 250
    pid = int(s.get("/pid")[1])
    os.kill(pid, signal.SIGKILL)  # its child lives on for a moment: the restart has to wait too
    eventually(lambda: int(s.get("/pid")[1]) != pid, "the app serves again")
    assert "another instance" not in s.output()
    assert clients.stop().bad == []
