"""The main job: a changed config reaches every pod under load, once for each token, and no request is lost."""
import time

from harness.load import EVERYDAY
from harness.waiting import stays

AT_ONCE = {"pods": "100%", "weightPerTenThousand": 10000}


def begin(shop, load, replicas: int) -> None:
    shop.install(replicas)
    shop.set_steps(AT_ONCE)
    load.begin(shop.address(), EVERYDAY)


def test_a_changed_config_reaches_every_pod_and_nothing_is_lost(shop, load, replicas):
    begin(shop, load, replicas)
    before = shop.pods.identities()
    time.sleep(3)
    shop.configure(version="2")
    run = shop.reload("to-2")
    moved = time.time()
    time.sleep(3)
    report = load.finish()

    assert run.succeeded, run
    assert run.status["pods"]["updated"] == replicas
    report.assert_nothing_lost()
    assert report.share("2", since=moved + 1) == 1
    assert shop.pods.identities() == before, "a reload replaces processes, never pods or containers"


def test_the_same_token_twice_is_one_reload(shop, kubectl):
    shop.install(1)
    shop.set_steps(AT_ONCE)
    shop.reload("once")
    generations = shop.generations()
    kubectl("annotate", "reloadpolicy/shop", "sidestep.dev/reload-")
    shop.trigger("once")
    stays("one Reload", lambda: len(shop.runs("once")) == 1, seconds=5)
    assert shop.generations() == generations


def test_a_token_set_while_the_operator_is_down_is_one_reload_when_it_returns(shop, operator):
    shop.install(1)
    shop.set_steps(AT_ONCE)
    shop.reload("before")
    operator.stop()
    try:
        shop.trigger("meanwhile")
        shop.configure(version="2")
    finally:
        operator.start()
    assert shop.wait_ended("meanwhile").succeeded
    assert len(shop.runs("meanwhile")) == 1


def test_an_operator_killed_in_the_middle_of_a_step_ends_the_reload_right(shop, load, operator, replicas):
    begin(shop, load, replicas)
    shop.set_steps({"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 8},
                   {"pods": "100%", "weightPerTenThousand": 5000, "pauseSeconds": 5}, AT_ONCE)
    shop.configure(version="2")
    shop.trigger("to-2")
    shop.wait_until("to-2", "is at its first step", lambda run: run.has_reached(1))
    operator.kill()
    run = shop.wait_ended("to-2")
    moved = time.time()
    time.sleep(2)
    report = load.finish()

    assert run.succeeded, run
    assert len(shop.runs()) == 1
    report.assert_nothing_lost()
    assert report.share("2", since=moved + 1) == 1
