"""sidestep-operator as a process, against a real API server and sidecars that check every signature."""
import json
import signal
import socket
import statistics
import subprocess
import time

import pytest

from fleet import eventually


def reasons(thing: dict) -> dict:
    return {c["type"]: (c["status"], c["reason"]) for c in thing["status"]["conditions"]}


def test_one_annotation_is_one_reload_that_walks_the_steps(start, fleet):
    start()
    shop = fleet().fill()
    shop.annotate("t1")
    reload = shop.ended("t1")
    assert reload["status"]["phase"] == "Succeeded", reload
    assert reload["status"]["pods"] == {"desired": 3, "updated": 3, "ready": 3, "failed": 0}
    assert reload["status"]["receipt"]["requests"] == {"active": 300, "candidate": 150}
    assert reasons(reload)["Succeeded"][0] == "True"
    eventually(lambda: "finalizers" not in shop.reloads()[0]["metadata"], what="the finalizer stays")
    sidecars = list(shop.sidecars.values())
    assert [len(s.told("/v1/reload")) for s in sidecars] == [1, 1, 1]
    assert len({s.told("/v1/reload")[0]["id"] for s in sidecars}) == 1
    assert sorted(500 in [b["weightPerTenThousand"] for b in s.told("/v1/weight")] for s in sidecars) == [False, False, True]
    assert not any(s.refusals for s in sidecars)


def test_same_token_again_and_its_removal_do_nothing(start, fleet):
    start()
    shop = fleet().fill()
    shop.annotate("t1")
    shop.ended("t1")
    assert "t1" in eventually(lambda: shop.policy()["status"].get("handledTokens"))
    shop.annotate("t2")
    shop.ended("t2")
    shop.annotate("t1")
    shop.api.kubectl("annotate", "rp/shop", "sidestep.dev/reload-", "-n", shop.namespace)
    time.sleep(1)
    assert len(shop.reloads()) == 2


def test_token_set_while_no_operator_runs_is_handled_when_one_returns(start, fleet):
    first = start()
    shop = fleet().fill()
    assert first.stop() == 0
    shop.annotate("while-away", "deployment/shop")
    start()
    assert shop.ended("while-away")["status"]["phase"] == "Succeeded"


def test_token_that_is_there_at_first_sight_is_adopted(start, fleet):
    shop = fleet()
    shop.annotate("old", "deployment/shop")
    start()
    shop.fill()
    time.sleep(1)
    assert shop.reloads() == []
    assert shop.policy()["status"]["handledTokens"] == ["old"]


def test_bad_candidate_on_one_pod_takes_all_pods_back_and_says_why(start, fleet):
    start()
    shop = fleet().fill()
    for sidecar in shop.sidecars.values():
        sidecar.candidate = "exits"
    shop.annotate("bad")
    reload = shop.ended("bad")
    assert reload["status"]["phase"] == "Failed"
    assert "exit status 3" in json.dumps(reload["status"]) and "cannot parse shop.yaml" in json.dumps(reload["status"])
    assert all(s.generation == 1 for s in shop.sidecars.values())
    assert sum(len(s.told("/v1/reload")) for s in shop.sidecars.values()) == 1  # the canary alone

    def is_told() -> bool:
        done = shop.api.kubectl("get", "events.events.k8s.io", "-n", shop.namespace, "-o", "json")
        return any(e["type"] == "Warning" and e["regarding"]["kind"] == "Reload" for e in json.loads(done.stdout)["items"])
    eventually(is_told, what="no Event of the failure")


@pytest.mark.parametrize("moment", [0.0, 0.15, 0.3, 0.45, 0.6])
def test_operator_killed_in_the_middle_ends_right_and_no_pod_reloads_twice(start, fleet, moment):
    first = start()
    shop = fleet().fill()
    shop.annotate("t")
    eventually(lambda: shop.reloads(), what="no reload")
    time.sleep(moment)
    first.kill()
    second = start()
    assert shop.ended("t")["status"]["phase"] == "Succeeded"
    for sidecar in shop.sidecars.values():
        assert sidecar.generation == 2
        assert len({body["id"] for body in sidecar.told("/v1/reload")}) == 1
    assert second.leads()


def test_frozen_leader_that_wakes_up_steers_nobody(start, fleet):
    first = start()
    shop = fleet().fill()
    assert first.leads()
    first.process.send_signal(signal.SIGSTOP)
    second = start()
    eventually(second.leads, what="the second did not take over")
    shop.annotate("t")
    assert shop.ended("t")["status"]["phase"] == "Succeeded"
    epochs = {s.epoch for s in shop.sidecars.values()}
    first.process.send_signal(signal.SIGCONT)
    assert first.process.wait(40) == 1
    assert epochs == {s.epoch for s in shop.sidecars.values()}
    assert len(shop.reloads()) == 1


def test_stopped_leader_hands_over_at_once(start, fleet):
    first = start()
    shop = fleet().fill()
    second = start()
    began = time.monotonic()
    assert first.stop() == 0
    eventually(second.leads, what="no hand-over")
    assert time.monotonic() - began < 5.5  # below the lease's six seconds
    shop.annotate("t")
    assert shop.ended("t")["status"]["phase"] == "Succeeded"


def test_policy_without_target_says_so_and_goes_on_when_it_appears(start, fleet):
    start()
    shop = fleet()
    path = f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/shop"
    shop.api.call("DELETE", path)
    shop.add_policy()
    eventually(lambda: (shop.policy().get("status") or {}).get("conditions") and
               reasons(shop.policy())["Ready"] == ("False", "TargetNotFound"))
    shop._make_deployment()
    shop.add_pod()
    eventually(lambda: reasons(shop.policy())["Ready"][0] == "True", what="not ready once the target is there")


def test_sidecar_restarted_in_between_is_addressed_by_its_new_boot_id(start, fleet):
    start()
    shop = fleet().fill()
    for sidecar in shop.sidecars.values():
        sidecar.restart()
    shop.annotate("t")
    assert shop.ended("t")["status"]["phase"] == "Succeeded"


def test_annotation_reaches_the_first_sidecar_without_needless_waits(start, fleet):
    """Pods without ConfigMaps have nothing to wait for: what is left is a few writes and the watches. The goal on an idle machine
    is 20 ms at the median; the bound here is below the wait for a kubelet, which pods without mounts do not pay."""
    start()
    shop = fleet(count=1).fill()
    sidecar = next(iter(shop.sidecars.values()))
    sidecar.checks = False
    took = []
    for token in (f"t{i}" for i in range(9)):
        annotated = time.monotonic()
        shop.api.merge(f"{shop.home}/reloadpolicies/shop", {"metadata": {"annotations": {"sidestep.dev/reload": token}}})
        eventually(lambda: token in sidecar.first_command_at, 30, "no command")
        took.append(sidecar.first_command_at[token] - annotated)
        shop.ended(token)
    print("annotate to first command, ms:", sorted(round(t * 1000) for t in took))
    assert statistics.median(took) < 2, took


def run_cli(programs, shop, *arguments, timeout=120):
    return subprocess.run([programs / "bin/kubectl-sidestep", *arguments, "-n", shop.namespace, f"--kubeconfig={shop.api.kubeconfig}"],
                          capture_output=True, text=True, timeout=timeout)


def test_command_line_waits_and_its_exit_code_is_the_verdict(start, fleet, programs):
    start()
    shop = fleet().fill()
    good = run_cli(programs, shop, "reload", "shop", "--reason", "new prices")
    assert good.returncode == 0, good.stderr
    assert "Succeeded" in good.stdout and "requests by candidate" in good.stdout
    assert shop.reloads()[0]["spec"]["reason"] == "new prices"
    for sidecar in shop.sidecars.values():
        sidecar.candidate = "exits"
    assert run_cli(programs, shop, "reload", "shop").returncode == 1
    assert run_cli(programs, shop, "reload", "nobody").returncode == 2
    assert run_cli(programs, shop, "promote", "shop").returncode == 3
    status = run_cli(programs, shop, "status")
    assert status.returncode == 0 and "Deployment/shop" in status.stdout
    assert json.loads(run_cli(programs, shop, "status", "shop", "-o", "json").stdout)["kind"] == "ReloadPolicy"


def test_abort_and_promote_from_the_command_line(start, fleet, programs):
    start()
    shop = fleet(rollout={"steps": [{"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 3600}, {"pods": "100%"}]}).fill()
    for verb, phase, generation in (("abort", "Aborted", 1), ("promote", "Succeeded", 2)):
        shop.annotate(verb)
        eventually(lambda: any(s.run and s.run["weightPerTenThousand"] == 500 for s in shop.sidecars.values()), what="no canary")
        done = run_cli(programs, shop, verb, "shop")
        assert done.returncode == 0, done.stderr
        assert shop.phase(verb) == phase
        assert {s.generation for s in shop.sidecars.values()} == {generation}


def test_pause_skip_step_resume_and_retry_from_the_command_line(start, fleet, programs):
    start()
    shop = fleet(count=2, rollout={"steps": [{"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 3600}, {"pods": "100%"}],
                                   "maxConcurrentPods": "100%"}).fill()
    shop.annotate("t")
    eventually(lambda: any(s.run and s.run["weightPerTenThousand"] == 500 for s in shop.sidecars.values()), what="no canary")
    assert run_cli(programs, shop, "pause", "shop").returncode == 0
    eventually(lambda: shop.phase("t") == "Paused", what="it goes on")
    for name in ("shop", shop.reloads()[0]["metadata"]["name"]):
        asked = run_cli(programs, shop, "why", name)
        assert asked.returncode == 0 and " runs, Paused: " in asked.stdout and "to go on: kubectl sidestep resume" in asked.stdout, asked
    assert run_cli(programs, shop, "skip-step", "shop").returncode == 0
    assert run_cli(programs, shop, "resume", "shop").returncode == 0
    assert shop.ended("t")["status"]["phase"] == "Succeeded"
    for sidecar in shop.sidecars.values():
        sidecar.candidate = "exits"
    shop.annotate("bad")
    assert shop.ended("bad")["status"]["phase"] == "Failed"
    for sidecar in shop.sidecars.values():
        sidecar.candidate = "good"
    shop.api.merge(f"{shop.home}/reloadpolicies/shop", {"spec": {"rollout": {"steps": [{"pods": "100%"}]}}})
    done = run_cli(programs, shop, "retry", "shop")
    assert done.returncode == 0, done.stderr
    assert {s.generation for s in shop.sidecars.values()} == {3}
    assert run_cli(programs, shop, "retry", "shop").returncode == 3


def test_policy_deleted_in_the_middle_leaves_nothing_hanging(start, fleet):
    start()
    shop = fleet(rollout={"steps": [{"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 3600}, {"pods": "100%"}]}).fill()
    shop.annotate("t")
    eventually(lambda: any(s.run and s.run["weightPerTenThousand"] == 500 for s in shop.sidecars.values()))
    shop.api.kubectl("delete", "rp/shop", "-n", shop.namespace, "--wait=false")
    eventually(lambda: all(s.run is None or s.run["phase"] == "Aborted" for s in shop.sidecars.values()), what="candidates stay")
    shop.api.kubectl("delete", "reloads", "--all", "-n", shop.namespace, "--timeout=20s")
    assert shop.reloads() == []


def test_health_and_metrics_are_served_and_a_strange_request_is_refused(start, fleet):
    operator = start()
    shop = fleet().fill()
    shop.annotate("t")
    shop.ended("t")
    port = operator.health_port()

    def ask(request: bytes) -> str:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request.replace(b"\r\nHost: x\r\n", b"\r\nHost: x\r\nConnection: close\r\n"))
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").startswith("HTTP/1.1 200 ")
    assert ask(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").startswith("HTTP/1.1 200 ")
    metrics = ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    for line in ('leader_election_master_status{name="sidestep-operator"} 1', "sidestep_operator_pods ",
                 'controller_runtime_reconcile_total{controller="reloadpolicy",result="success"}', 'rest_client_requests_total{method="GET",code="200"} '):
        assert line in metrics, metrics
    assert ask(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").startswith("HTTP/1.1 405 ")
    assert ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n").startswith("HTTP/1.1 400 ")
    assert 'sidestep_operator_door_refused_total{reason=' in ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert ask(b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n").startswith("HTTP/1.1 404 ")


PAUSED = {"steps": [{"pods": "100%", "weightPerTenThousand": 500, "pauseSeconds": 3600}], "maxConcurrentPods": "100%"}


def finalizers(shop) -> list:
    return [f for each in [shop.policy(), *shop.reloads()] for f in each["metadata"].get("finalizers", [])]


@pytest.mark.parametrize("is_in_order", [True, False])
def test_uninstalling_as_documented_leaves_nothing_that_waits_for_an_operator(start, fleet, is_in_order):
    """The commands of docs/uninstall.md: policies suspended, then the reloads, then the operator; or, where it went first, the finalizers by hand."""
    operator = start()
    shop = fleet(count=1, rollout=PAUSED).fill(checks=False)
    shop.annotate("t")
    eventually(lambda: len(finalizers(shop)) == 2, what="the reload does not run")
    if is_in_order:
        assert shop.api.kubectl("patch", "reloadpolicy", "shop", "-n", shop.namespace, "--type=merge", "-p", '{"spec": {"suspend": true}}').returncode == 0
        done = shop.api.kubectl("delete", "reloads", "--all", "-n", shop.namespace, "--timeout=40s")
        assert done.returncode == 0, done.stderr
        eventually(lambda: finalizers(shop) == [], what="a finalizer stays")
        assert {s.generation for s in shop.sidecars.values()} == {1}
    operator.stop()
    if not is_in_order:
        assert len(finalizers(shop)) == 2
        for thing in ("reload/" + shop.reloads()[0]["metadata"]["name"], "reloadpolicy/shop"):
            assert shop.api.kubectl("patch", thing, "-n", shop.namespace, "--type=merge", "-p", '{"metadata": {"finalizers": null}}').returncode == 0
        assert shop.api.kubectl("delete", "reloads", "--all", "-n", shop.namespace, "--timeout=10s").returncode == 0
    assert shop.api.kubectl("delete", "reloadpolicies", "--all", "-n", shop.namespace, "--timeout=10s").returncode == 0
