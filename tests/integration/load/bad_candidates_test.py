"""Bad candidates under load: they are taken back, and cost nothing but the errors that they answered themselves."""
import os
import signal

import pytest
from service import assert_nothing_lost, assert_orders_executed_once

LOAD = [{"kind": "get", "clients": 8, "pauseMs": 5}, {"kind": "order", "clients": 4, "pauseMs": 10},
        {"kind": "fresh", "perSecond": 50}, {"kind": "ws", "clients": 4}]


def failure(service) -> dict:
    reload = service.status()["reload"]
    assert reload["phase"] == "Failed", reload
    return reload


def test_a_config_that_ends_the_app_at_start_is_taken_back(start, load):
    service = start()
    running = load(service, LOAD)
    service.write_config(version="2", crashAtStart="no database")
    service.reload(expect=1)
    reload = failure(service)
    assert reload["exit"]["status"] == 3 and any("no database" in line for line in reload["output"]), reload
    assert service.version() == "1"
    assert_nothing_lost(running.finish())


def test_a_generation_that_is_never_ready_is_taken_back(start, load):
    readiness = {"httpGet": {"path": "/readyz"}, "successThreshold": 1, "periodMilliseconds": 20, "startDeadlineSeconds": 2}
    service = start(policy={"readiness": readiness})
    running = load(service, LOAD)
    service.write_config(version="2", neverReady=True)
    service.reload(expect=1)
    assert failure(service)["reason"] == "NotReadyInTime"
    report = running.finish()
    assert_nothing_lost(report)
    assert [entry["version"] for entry in report["versions"]] == ["1"]


@pytest.mark.fault("C12", "a burst of 500 in the canary: taken back, and only its own errors are lost", ci=1, soak=20)
def test_a_candidate_that_answers_errors_is_taken_back_and_only_its_errors_are_lost(start, load):
    steps = [{"weightPerTenThousand": 1000, "pauseSeconds": 5}, {"weightPerTenThousand": 10000}]
    service = start(policy={"rollout": {"steps": steps}})
    running = load(service, LOAD)
    service.write_config(version="2", failRate=0.2)
    service.reload(expect=1)
    assert failure(service)["reason"] == "ErrorRate"
    assert service.version() == "1"
    report = running.finish()
    verdict = report["verdict"]
    assert verdict["lost"] == verdict["lostFromApp"] > 0, f"{report['total']['lostByKind']}: {report['failures'][:5]}"
    assert verdict["streamsCut"] == 0
    assert_orders_executed_once(report)


def test_active_killed_after_a_rollback_comes_back_with_the_good_config(start, load):
    service = start()
    service.write_config(version="2", crashAtStart="no database")
    service.reload(expect=1)
    running = load(service, [{"kind": "fresh", "perSecond": 50}])
    os.kill(service.status()["active"]["pid"], signal.SIGKILL)
    report = running.finish()
    assert service.version() == "1"
    assert report["total"].get("lostByKind", {}).get("refused", 0) == 0, report["failures"][:5]
