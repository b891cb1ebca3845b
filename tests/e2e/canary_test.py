"""A canary: 5 % of one pod, then half of every pod, then all; measured by the clients and by the sidecars."""
import time

import pytest

# No streams: they are weighed once, when they open.
REQUESTS = [{"name": "get", "kind": "get", "clients": 9, "perSecond": 15},
            {"name": "fresh", "kind": "fresh", "perSecond": 60},
            {"name": "order", "kind": "order", "clients": 3, "perSecond": 10}]
# Weights are exact to within one request in a shard; a few requests more are under way when the counters are read.
SLACK = 5


def counts(shop) -> dict[str, tuple[int, int]]:
    """Requests so far of active and candidate, by pod."""
    return {pod: (status["active"]["requests"], (status["candidate"] or {"requests": 0})["requests"])
            for pod, status in shop.statuses().items()}


def measure(shop, seconds: float) -> tuple[float, float, dict[str, tuple[int, int]]]:
    """Begin and end of a time without a change of weights, and what every pod routed meanwhile."""
    first, since = counts(shop), time.time()
    time.sleep(seconds)
    until, last = time.time(), counts(shop)
    return since, until, {pod: (last[pod][0] - first[pod][0], last[pod][1] - first[pod][1]) for pod in last}


def assert_weight(routed: tuple[int, int], weight: float) -> None:
    active, candidate = routed
    assert active + candidate > 50, "too little traffic to measure a share"
    assert abs(candidate - weight * (active + candidate)) <= SLACK, f"{candidate} of {active + candidate} at {weight:.0%}"


def test_the_shares_of_a_canary_are_what_its_steps_say(shop, load, replicas):
    shop.install(replicas)
    load.begin(shop.address(), REQUESTS)
    shop.configure(version="2")
    shop.trigger("canary")

    shop.wait_until("canary", "is at step 1", lambda run: run.has_reached(1))
    one_pod = measure(shop, 5)
    shop.wait_until("canary", "is at step 2", lambda run: run.has_reached(2))
    every_pod = measure(shop, 5)
    run = shop.wait_ended("canary")
    moved = time.time()
    time.sleep(3)
    report = load.finish()

    assert run.succeeded, run
    report.assert_nothing_lost()
    _, _, routed = one_pod
    canaries = [pod for pod, (_, candidate) in routed.items() if candidate > 0]
    assert len(canaries) == 1, f"one pod has a candidate in the first step, not {canaries}"
    assert_weight(routed[canaries[0]], 0.05)
    assert report.share("2", *one_pod[:2]) == pytest.approx(
        routed[canaries[0]][1] / sum(map(sum, routed.values())), abs=0.02)
    since, until, routed = every_pod
    for pod in routed:
        assert_weight(routed[pod], 0.5)
    assert report.share("2", since, until) == pytest.approx(0.5, abs=0.03)
    assert report.share("2", since=moved + 1) == 1
