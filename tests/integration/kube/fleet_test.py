"""Fleets: many pods, pods that do not answer, workloads that change in the middle."""
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
    assert took < 5, "one after the other they take more than 20 s"


def test_errors_that_no_pod_notices_alone_take_the_fleet_back(start, fleet):
    """Nine of 500 on each pod, where each sidecar allows six of them and as many by chance."""
    start()
    shop = fleet(count=5, rollout={"steps": [{"pods": "100%", "weightPerTenThousand": 5000, "pauseSeconds": 3600}], "maxConcurrentPods": "100%"})
    shop.fill(checks=False)
    for sidecar in shop.sidecars.values():
        sidecar.errors = 9
    shop.annotate("t")
    status = shop.ended("t")["status"]
    assert (status["phase"], status["endReason"]) == ("Failed", "ErrorRate")
    assert "candidate: 45 of 2500 requests failed" in status["endMessage"]
    assert {s.generation for s in shop.sidecars.values()} == {1}
