"""sidestep-operator behind a proxy that breaks the API at bad moments: it converges, and no pod reloads twice."""
import json
import subprocess
import threading

import pytest

from fault_proxy import FaultProxy
from fleet import FINAL, Operator, eventually

MOST_WRITES = 40
LONGEST_HOLD = 60  # seconds


@pytest.fixture
def proxy(cluster):
    proxy = FaultProxy(cluster)
    yield proxy
    proxy.close()


@pytest.fixture
def start_behind(proxy, programs, cluster, account_token, tmp_path, stopping):
    """start_behind() gives an operator whose every call passes the proxy."""
    kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig", account_token, proxy.url)
    return lambda: stopping(Operator(programs / "bin/sidestep-operator", kubeconfig, tmp_path))


def assert_ended_right(shop, token: str) -> None:
    assert shop.ended(token, 60)["status"]["phase"] == "Succeeded"
    for sidecar in shop.sidecars.values():
        assert sidecar.generation == 2
        assert len({body["id"] for body in sidecar.told("/v1/reload")}) == 1
    assert len(shop.reloads()) == 1


def hold_at_next_write(proxy: FaultProxy) -> tuple[threading.Event, threading.Event]:
    """Writes are done and their answers held back until the second event, which is to be set after the kill."""
    wrote, killed = threading.Event(), threading.Event()

    def hold(_) -> None:
        wrote.set()
        killed.wait(LONGEST_HOLD)
    proxy.on_write = hold
    return wrote, killed


def test_operator_killed_after_every_single_write_converges(start_behind, proxy, fleet):
    """Each process lives for one write: every state between two writes is one that a successor finds."""
    first = start_behind()
    rollout = {"steps": [{"pods": 1, "weightPerTenThousand": 500}, {"pods": "100%"}], "maxConcurrentPods": "100%",
               "progressDeadlineSeconds": 300}
    shop = fleet(count=2, rollout=rollout).fill()
    operator, lives = first, 0
    wrote, killed = hold_at_next_write(proxy)
    shop.annotate("t")
    while shop.phase("t") not in FINAL and lives < MOST_WRITES:
        eventually(lambda: wrote.is_set() or shop.phase("t") in FINAL, 30, "the successor writes nothing")
        operator.kill()
        killed.set()
        lives += 1
        wrote, killed = hold_at_next_write(proxy)
        operator = start_behind()
    proxy.on_write = lambda _: None
    killed.set()
    assert_ended_right(shop, "t")
    assert lives >= 3


def test_answers_of_writes_that_are_lost_do_not_double_anything(start_behind, proxy, fleet):
    start_behind()
    shop = fleet(count=2).fill()
    proxy.lose = 5
    shop.annotate("t")
    assert_ended_right(shop, "t")
    assert proxy.lose == 0


def test_watches_cut_in_the_middle_of_a_line_and_expired_versions_are_made_good(start_behind, proxy, fleet):
    start_behind()
    shop = fleet(count=2).fill()
    proxy.expire = 3
    proxy.cut_watches()
    shop.annotate("t")
    assert_ended_right(shop, "t")
    eventually(lambda: proxy.expire == 0, 60, "no watch met an expired version")


def test_throttled_operator_obeys_retry_after(start_behind, proxy, fleet):
    operator = start_behind()
    shop = fleet(count=2).fill()
    proxy.throttle = 3
    shop.annotate("t")
    assert_ended_right(shop, "t")
    assert proxy.throttle == 0
    assert operator.process.poll() is None


def test_servers_that_fail_refuse_garble_or_dawdle_are_outlived(start_behind, proxy, fleet):
    """One reload under each fault; the process stays the same, and nothing is done twice."""
    operator = start_behind()
    shop = fleet(count=2).fill(checks=False)
    faults = {"fail": 6, "strangers": 4, "garble": 3, "delay": 0.3}
    for generation, (fault, amount) in enumerate(faults.items(), start=2):
        setattr(proxy, fault, amount)
        shop.annotate(fault)
        assert shop.ended(fault, 60)["status"]["phase"] == "Succeeded", fault
        assert {s.generation for s in shop.sidecars.values()} == {generation}, fault
        assert fault == "delay" or getattr(proxy, fault) == 0, f"{fault} was not met"
    assert len(shop.reloads()) == len(faults)
    assert operator.process.poll() is None


def test_lists_from_a_server_that_is_behind_reload_nothing_again(start_behind, proxy, fleet):
    """What it lists knows neither the reload nor its token; the versions of our own writes say that it is old."""
    start_behind()
    shop = fleet(count=2).fill(checks=False)
    shop.annotate("t")
    assert_ended_right(shop, "t")
    proxy.stale, proxy.expire = 2, 4
    proxy.cut_watches()
    shop.annotate("u")  # an event, so that every stream meets its cut
    assert shop.ended("u", 60)["status"]["phase"] == "Succeeded"
    eventually(lambda: proxy.stale == 0, 60, "no list was old")
    assert {s.generation for s in shop.sidecars.values()} == {3}
    assert len(shop.reloads()) == 2


def test_a_token_that_expired_and_a_ca_that_rotated_are_read_again(programs, cluster, account_token, fleet, tmp_path):
    """The files of a pod's account change under the process: first neither is good, then the CA, then the token too."""
    token, ca = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("an expired one")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=before", "-keyout", "/dev/null", "-out", str(ca)],
                   check=True, capture_output=True)
    config = json.loads(cluster.write_kubeconfig(tmp_path / "kubeconfig", "").read_text())
    config["clusters"][0]["cluster"] = {"server": cluster.url, "certificate-authority": str(ca)}
    config["users"][0]["user"] = {"tokenFile": str(token)}
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    operator = Operator(programs / "bin/sidestep-operator", tmp_path / "kubeconfig", tmp_path)
    try:
        eventually(lambda: "certificate" in operator.log.read_text(), 20, "another CA is believed")
        assert "401" not in operator.log.read_text()
        ca.write_text(cluster.ca)
        eventually(lambda: "401" in operator.log.read_text(), 20, "the new CA is not read")
        token.write_text(account_token)
        shop = fleet(count=1).fill(checks=False)
        shop.annotate("t")
        assert_ended_right(shop, "t")
    finally:
        operator.stop()
