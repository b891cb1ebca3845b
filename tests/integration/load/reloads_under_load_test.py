"""Good reloads under load: nothing is lost, nothing is executed twice, every stream that ends is told."""
import time

import pytest
from service import assert_nothing_lost, share

# Every kind of client at once, sized for two cores that other tests use too.
EVERYTHING = [
    {"name": "get", "kind": "get", "clients": 8, "perSecond": 25},
    {"name": "fresh", "kind": "fresh", "perSecond": 50},
    {"name": "order", "kind": "order", "clients": 4, "perSecond": 10},
    {"name": "slow", "kind": "get", "clients": 2, "path": "/slow?ms=300"},
    {"name": "upload", "kind": "upload", "clients": 1, "spreadMs": 1000},
    {"name": "download", "kind": "download", "clients": 1, "spreadMs": 1000},
    {"name": "ws", "kind": "ws", "clients": 8},
]


@pytest.mark.fault("C5", "the app is replaced under load", ci=10)
@pytest.mark.parametrize("shape", ["baseline", "busy", EVERYTHING], ids=["baseline", "busy", "everything"])
def test_reloads_lose_nothing(start, load, shape, losses):
    service = start()
    running = load(service, shape)
    for n in losses.rounds():
        service.write_config(version=str(n + 2))
        service.reload()
        assert service.version() == str(n + 2)
    report = running.finish()
    losses.of(report)
    assert_nothing_lost(report)
    assert [entry["version"] for entry in report["versions"]] == [str(n + 1) for n in range(losses.n + 1)]


@pytest.mark.fault("C5", "no answer of A comes after the reload has returned", ci=1, soak=20)
def test_no_answer_of_the_active_generation_comes_after_the_reload_has_returned(start, load):
    service = start()
    running = load(service, [{"kind": "get", "clients": 8, "pauseMs": 1}, {"kind": "fresh", "perSecond": 100}])
    service.write_config(version="2")
    service.reload()
    ended = running.now()
    time.sleep(3)
    report = running.finish()
    assert_nothing_lost(report)
    assert report["versions"][0]["lastSeconds"] < ended + 1, report["versions"]


@pytest.mark.fault("C11", "a canary at 20 % takes its share of kept and of new connections", ci=1, soak=20)
def test_a_canary_takes_its_share_of_requests(start, load):
    steps = [{"weightPerTenThousand": 2000, "pauseSeconds": 2}, {"weightPerTenThousand": 10000}]
    service = start(policy={"rollout": {"steps": steps}, "analysis": {"minimumRequests": 1}})
    running = load(service, [{"kind": "get", "clients": 8, "pauseMs": 2}, {"kind": "fresh", "perSecond": 100}])
    service.write_config(version="2")
    service.reload()
    report = running.finish()
    assert_nothing_lost(report)
    first = next(entry for entry in report["versions"] if entry["version"] == "2")["firstSeconds"]
    mine, whole = share(report, "2", first + 0.3, first + 1.8)
    assert whole > 100 and abs(mine / whole - 0.2) < 0.04, f"{mine} of {whole} requests at 20 %"
