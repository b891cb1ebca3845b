"""The sidecar's own death, at one pod's address: its worker first, then the whole container."""
import time

from harness.shop import PORT
from harness.waiting import eventually

KEPT = 12
REQUESTS = [{"name": "get", "kind": "get", "clients": 8, "perSecond": 20},
            {"name": "order", "kind": "order", "clients": 4, "perSecond": 5},
            {"name": "fresh", "kind": "fresh", "perSecond": 100}]
FRESH_AT_ONCE = 5  # connections of the last class that may be open at one moment


def begin(shop, load) -> str:
    shop.install(1)
    (pod,) = shop.pods.all()
    load.begin(f"{pod['status']['podIP']}:{PORT}", REQUESTS)
    time.sleep(3)
    return pod["metadata"]["name"]


def assert_only_open_connections_suffered(report) -> None:
    kinds = report.document["total"].get("lostByKind", {})
    assert kinds.get("refused", 0) == 0, f"new connections were refused: {kinds}"
    assert report.verdict["lost"] <= KEPT + FRESH_AT_ONCE, f"{kinds}, first: {report.lost()[:5]}"
    assert report.verdict["duplicated"] == 0
    assert report.good_answers() > 500


def test_a_killed_worker_costs_no_new_connection(shop, load):
    pod = begin(shop, load)
    before = shop.pods.identities()
    generation = shop.status(pod)["active"]
    shop.pods.kill_child(pod, "sidestep")
    time.sleep(4)
    report = load.finish()
    assert_only_open_connections_suffered(report)
    assert shop.pods.identities() == before
    assert shop.status(pod)["active"]["pid"] == generation["pid"], "the app goes on"


def test_a_killed_sidecar_container_costs_no_new_connection(shop, load):
    pod = begin(shop, load)
    generation = shop.status(pod)["active"]
    shop.pods.kill(pod, "sidestep")
    eventually("the sidecar's restart", lambda: shop.pods.restarts(pod, "sidestep") == 1)
    shop.pods.wait_ready(1)
    time.sleep(3)
    report = load.finish()
    assert_only_open_connections_suffered(report)
    assert shop.status(pod)["active"]["pid"] == generation["pid"], "the next proxy adopts the app"
    assert shop.pods.restarts(pod, "shop") == 0
