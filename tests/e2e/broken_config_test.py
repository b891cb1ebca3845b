"""A bad config: it is taken back on every pod, the Reload says why, and the good config is the one that stays."""
import subprocess
import time

import pytest
from harness.load import EVERYDAY
from harness.waiting import eventually

STEPS = ({"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 3},
         {"pods": "100%", "weightPerTenThousand": 5000, "pauseSeconds": 30},
         {"pods": "100%", "weightPerTenThousand": 10000})


def take_a_bad_config(shop, load, replicas: int, **config):
    """Returns the ended reload and what the clients saw."""
    shop.install(replicas)
    shop.set_steps(*STEPS)
    load.begin(shop.address(), EVERYDAY)
    time.sleep(2)
    shop.configure(version="2", **config)
    run = shop.reload("bad")
    time.sleep(2)
    return run, load.finish()


def assert_taken_back(shop, run, reason: str) -> None:
    assert run.succeeded is False, run
    assert reason in {failed["reason"] for failed in run.status["failedPods"]}, run
    assert run.condition("Succeeded")["message"], run
    for pod, status in shop.statuses().items():
        assert status["candidate"] is None, f"{pod} still has a candidate"
        assert status["active"]["generation"] == 1, f"{pod} moved"


def version(shop, pod: dict) -> str:
    answer = subprocess.run(["curl", "-sf", "-m", "5", f"http://{pod['status']['podIP']}:8080/version"],
                            capture_output=True, text=True, check=False)
    return answer.stdout


@pytest.mark.parametrize("config, reason", [({"crashAtStart": "no such database"}, "ExitedEarly"),
                                            ({"neverReady": True}, "NotReadyInTime")], ids=["exits", "never-ready"])
def test_a_candidate_that_does_not_come_up_costs_nothing(shop, load, replicas, config, reason):
    run, report = take_a_bad_config(shop, load, replicas, **config)
    assert_taken_back(shop, run, reason)
    report.assert_nothing_lost()
    assert report.versions() == {"1"}


def test_a_candidate_that_fails_requests_is_taken_back_and_costs_only_what_it_answered_itself(shop, load, replicas):
    run, report = take_a_bad_config(shop, load, replicas, failRate=0.2)
    assert_taken_back(shop, run, "ErrorRate")
    assert report.verdict["lost"] == report.verdict["lostFromApp"] > 0, report.lost()[:5]
    assert report.verdict["duplicated"] == 0
    assert report.verdict["streamsCut"] == 0


def test_active_killed_after_a_rollback_comes_back_with_the_good_config(shop, load, replicas):
    take_a_bad_config(shop, load, replicas, crashAtStart="no such database")
    before = shop.pods.identities()
    for pod in shop.pods.all():
        name = pod["metadata"]["name"]
        shop.pods.kill_child(name, "shop")
        eventually(f"a restart of the app in {name}", lambda: shop.status(name)["active"]["restarts"] == 1)
        assert '"1"' in version(shop, pod) or version(shop, pod).strip() == "1"
    assert shop.pods.identities() == before, "the app comes back in its container, which is not restarted"
