"""Fleets: many pods, pods that do not answer, workloads that change in the middle."""
import re
import time

from fleet import eventually


def judged(shop) -> list:
    return [s for s in shop.sidecars.values() if s.run and s.run["phase"] == "Judging"]


def test_a_verdict_takes_all_pods_back_at_once_whoever_is_silent(start, fleet):
    """The goal is a second per hundred pods; one that hangs costs 5 s of its own and nobody else's."""
    start()
    rollout = {"steps": [{"pods": "100%", "weightPerTenThousand": 500, "pauseSeconds": 3600}], "maxConcurrentPods": "100%"}
    shop = fleet(count=40, rollout=rollout).fill(checks=False)
    shop.annotate("t")
    eventually(lambda: len(judged(shop)) == 40, what="not all pods are judged")
    silent = list(shop.sidecars.values())[:4]
    for sidecar in silent:
        sidecar.hangs.set()
    shop.api.kubectl("annotate", "reloads", "--all", "sidestep.dev/abort=true", "-n", shop.namespace)
    asked = time.monotonic()
    eventually(lambda: len(judged(shop)) == 4, 15, "pods were not taken back")
    took = time.monotonic() - asked
    print(f"36 pods beside 4 that hang were taken back in {took:.2f} s")
    for sidecar in silent:
        sidecar.hangs.clear()
    assert shop.ended("t")["status"]["endReason"] == "AbortedByUser"
    assert not judged(shop)
    assert took < 12, "one after the other they take more than 20 s"


def test_errors_that_no_pod_notices_alone_take_the_fleet_back(start, fleet):
    """Nine of 500 on each pod, where each sidecar allows six of them and as many by chance."""
    start()
    shop = fleet(count=5, rollout={"steps": [{"pods": "100%", "weightPerTenThousand": 5000, "pauseSeconds": 3600}], "maxConcurrentPods": "100%"})
    shop.fill(checks=False)
    shop.annotate("t")
    eventually(lambda: len(judged(shop)) == 5, 30, "candidates were not judged")
    for sidecar in shop.sidecars.values():
        sidecar.errors = 9
    status = shop.ended("t")["status"]
    assert (status["phase"], status["endReason"]) == ("Failed", "ErrorRate")
    assert re.search(r"over 5 pods: candidate: (27|36|45) of 2500 requests failed", status["endMessage"]), status["endMessage"]
    assert {s.generation for s in shop.sidecars.values()} == {1}


def test_budget_lets_one_reload_run_at_a_time(start, fleet):
    start("--max-reloads=1")
    rollout = {"steps": [{"pods": "100%", "weightPerTenThousand": 500, "pauseSeconds": 1}]}
    shops = [fleet(count=1, rollout=rollout).fill(checks=False) for _ in range(3)]
    for shop in shops:
        shop.annotate("t")
    most = 0

    def all_over() -> bool:
        nonlocal most
        most = max(most, sum(bool(s.run and s.run["phase"] in ("Starting", "Judging")) for shop in shops for s in shop.sidecars.values()))
        return all(shop.phase("t") == "Succeeded" for shop in shops)
    eventually(all_over, 60, "not all reloads ended")
    assert most == 1


def why(shop, token: str) -> str:
    """The reason for which the Reload does not go on."""
    reload = next((r for r in shop.reloads() if r["spec"]["token"] == token), {})
    return next((c["reason"] for c in (reload.get("status") or {}).get("conditions", []) if c["type"] == "Progressing"), "")


def test_a_policy_waits_for_those_it_depends_on(start, fleet):
    start()
    shop = fleet(count=1, dependsOn=["db"]).fill(checks=False)
    shop.annotate("t")
    eventually(lambda: why(shop, "t") == "Dependency", what="it does not say that there is no such policy")
    spec = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "db"}}
    shop.api.call("POST", f"{shop.home}/reloads", {"apiVersion": "sidestep.dev/v1alpha1", "kind": "Reload", "metadata": {"name": "db-1"},
                                                   "spec": {"policyRef": {"name": "db"}, "token": "d"}})
    shop.api.call("POST", f"{shop.home}/reloadpolicies", {"apiVersion": "sidestep.dev/v1alpha1", "kind": "ReloadPolicy",
                                                          "metadata": {"name": "db"}, "spec": spec})
    time.sleep(1.5)
    assert why(shop, "t") == "Dependency", "db-1 is not over"
    shop.api.merge(f"{shop.home}/reloadpolicies/db", {"spec": {"suspend": True}})  # its Reload waits for as long as that
    assert shop.ended("t")["status"]["phase"] == "Succeeded"


def test_a_rolling_update_in_the_middle_goes_first_and_the_reload_says_so(start, fleet):
    start()
    shop = fleet(count=2, rollout={"steps": [{"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 3600}, {"pods": "100%"}]})
    shop.fill(checks=False)
    shop.annotate("t")
    eventually(lambda: len(judged(shop)) == 1, what="no canary")
    status = f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/shop/status"
    shop.api.merge(status, {"status": {"updatedReplicas": 1}})
    old = list(shop.sidecars)
    shop.add_pod(template="h2")
    eventually(lambda: (shop.phase("t"), why(shop, "t")) == ("Paused", "TemplateChanged"), what="the reload does not give way")
    shop.add_pod(template="h2")
    for name in old:
        shop.api.call("DELETE", f"/api/v1/namespaces/{shop.namespace}/pods/{name}?gracePeriodSeconds=0")
    shop.api.merge(status, {"status": {"updatedReplicas": 2}})
    status = shop.ended("t")["status"]
    assert (status["phase"], status["endReason"]) == ("Aborted", "TemplateChanged")
