"""The resource definitions against a real API server: they are accepted, defaults appear, and each rule refuses."""
import copy
import os
import time
import urllib.error
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).resolve().parents[3]
CRDS = sorted((TOP / "crds").glob("*.yaml"))
PATH = "/apis/sidestep.dev/v1alpha1/namespaces/default"
METRIC = {"name": "a", "address": "http://prometheus:9090", "query": "q", "range": {"max": "0.01"}}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}


@pytest.fixture(scope="module", autouse=True)
def definitions(api):
    for file in CRDS:
        # The first is client-side, where the definition must fit into an annotation; it is not kept, for other tests apply on the server.
        for how in ("--dry-run=server", "--server-side"):
            done = api.kubectl("apply", how, "-f", str(file))
            assert done.returncode == 0, done.stderr
    for file in CRDS:
        done = api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(file))
        assert done.returncode == 0, done.stderr
    for resource in ("reloadpolicies", "reloads"):
        wait_for(lambda: api.call("GET", f"{PATH}/{resource}"))


def wait_for(attempt):
    give_up = time.monotonic() + 20
    while True:
        try:
            return attempt()
        except urllib.error.HTTPError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


def policy(name="p", **spec):
    spec.setdefault("targetRef", TARGET)
    spec = {key: value for key, value in spec.items() if value is not None}
    return {"apiVersion": "sidestep.dev/v1alpha1", "kind": "ReloadPolicy", "metadata": {"name": name}, "spec": spec}


def create(api, body, dry=True):
    kind = "reloads" if body["kind"] == "Reload" else "reloadpolicies"
    query = "?fieldValidation=Strict" + ("&dryRun=All" if dry else "")
    return api.call("POST", f"{PATH}/{kind}{query}", body)


def refusal(api, body) -> str:
    with pytest.raises(urllib.error.HTTPError) as refused:
        create(api, body)
    return refused.value.read().decode()


@pytest.mark.parametrize("file", CRDS, ids=lambda file: file.name)
def test_definition_is_established_without_a_complaint_about_its_schema(api, file):
    name = yaml.safe_load(file.read_text())["metadata"]["name"]
    found = api.call("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    states = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert states["Established"] == "True" and states.get("NonStructuralSchema", "False") == "False"
    assert os.path.getsize(file) < 262144


def test_defaults_are_filled_in_by_the_server(api):
    spec = create(api, policy())["spec"]
    assert spec["rollout"] == {"steps": [{"pods": "100%", "weightPerTenThousand": 10000, "pauseSeconds": 0}],
                               "maxConcurrentPods": "25%", "progressDeadlineSeconds": 600}
    assert spec["drain"]["webSocket"] == {"policy": "KeepUntilClosed", "closeCode": 1012, "timeoutSeconds": 3600}
    assert spec["strategy"] == {"type": "Overlap"} and spec["historyLimit"] == 10 and spec["suspend"] is False


@pytest.mark.parametrize("spec", [
    {"targetRef": None, "selector": {"matchLabels": {"app": "shop"}}},
    {"strategy": {"type": "Hold"}},
    {"rollout": {"steps": [{"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 30}, {"pods": "25%"}, {"pods": "100%"}]}},
    {"rollout": {"steps": [{"pods": n + 1} for n in range(20)]}},
    {"readiness": {"httpGet": {"path": "/readyz"}, "periodMilliseconds": 50, "timeoutSeconds": 1}},
    {"hold": {"maxBytes": 65536}},
    {"hold": {"maxBytes": "64Mi"}},
    {"config": [{"path": "/etc/shop"}, {"path": "/etc/tls", "mode": "Live"}]},
    {"guards": {"windows": [{"name": "night", "days": ["Mon", "Sun"], "startTimeOfDay": "22:00", "endTimeOfDay": "04:00", "timeZone": "No/Where"}]}},
    {"guards": {"freezes": [{"name": "f", "startTime": "2026-12-24T00:00:00Z", "endTime": "2027-01-02T00:00:00+08:00"}]}},
    {"guards": {"approvals": {"required": 2}}},
    {"analysis": {"maxLatencyIncreasePercent": 50, "metrics": [METRIC, {**METRIC, "name": "b", "range": {"min": -1, "max": "0.5"}}],
                  "webhooks": [{"name": "gate", "url": "https://ci/gate?x=1", "when": "Promote"}]}},
], ids=str)
def test_good_policy_is_accepted(api, spec):
    create(api, policy(**spec))


@pytest.mark.parametrize("spec, says", [
    ({"targetRef": None}, "exactly one of targetRef and selector"),
    ({"selector": {"matchLabels": {"app": "shop"}}}, "exactly one of targetRef and selector"),
    ({"targetRef": {**TARGET, "kind": "Job"}}, "Unsupported value"),
    ({"targetRef": None, "selector": {"matchLabels": {}}}, "at least 1"),
    ({"targetRef": None, "selector": {"matchLabels": {f"l{n}": "x" for n in range(17)}}}, "at most 16"),
    ({"strategy": {"type": "Hold", "overlap": {}}}, "overlap belongs to type Overlap alone"),
    ({"strategy": {"type": "Signal"}}, "Unsupported value"),
    ({"rollout": {"steps": []}}, "at least 1"),
    ({"rollout": {"steps": [{}] * 21}}, "at most 20"),
    ({"rollout": {"steps": [{"pods": 3}, {"pods": 2}]}}, "must not be less than in the step before"),
    ({"rollout": {"steps": [{"pods": 1}] * 18 + [{"pods": "9%"}, {"pods": "8%"}]}}, "must not be less"),
    ({"rollout": {"steps": [{"pods": "100%"}, {"pods": "20%"}]}}, "must not be less than in the step before"),
    ({"rollout": {"steps": [{"pods": 0}]}}, "pods"),
    ({"rollout": {"steps": [{"pods": "0%"}]}}, "pods"),
    ({"rollout": {"steps": [{"pods": "101%"}]}}, "pods"),
    ({"rollout": {"steps": [{"weightPerTenThousand": 10001}]}}, "10000"),
    ({"readiness": {"httpGet": {}, "tcpSocket": {}}}, "at most one of httpGet and tcpSocket"),
    ({"readiness": {"periodSeconds": 1, "periodMilliseconds": 20}}, "at most one of periodSeconds"),
    ({"readiness": {"timeoutSeconds": 1, "timeoutMilliseconds": 20}}, "at most one of timeoutSeconds"),
    ({"readiness": {"httpGet": {"path": "readyz"}}}, "should match"),
    ({"hold": {"maxBytes": "16Q"}}, "maxBytes"),
    ({"config": [{"path": "/a"}, {"path": "/a"}]}, "Duplicate value"),
    ({"shutdown": {"gracePeriodSeconds": 9}}, "at least endpointsGraceSeconds"),
    ({"guards": {"windows": [{"name": "w", "startTimeOfDay": "9:00", "endTimeOfDay": "10:00"}]}}, "should match"),
    ({"guards": {"windows": [{"name": "w", "startTimeOfDay": "24:00", "endTimeOfDay": "10:00"}]}}, "should match"),
    ({"guards": {"windows": [{"name": "w", "startTimeOfDay": "09:00", "endTimeOfDay": "09:00"}]}}, "must not be startTimeOfDay"),
    ({"guards": {"windows": [{"name": "w", "days": ["Mo"], "startTimeOfDay": "09:00", "endTimeOfDay": "10:00"}]}}, "Unsupported value"),
    ({"guards": {"windows": [{"name": "w", "startTimeOfDay": "09:00", "endTimeOfDay": "10:00"}] * 2}}, "Duplicate value"),
    ({"guards": {"freezes": [{"name": "f", "startTime": "2027-01-02T00:00:00Z", "endTime": "2026-12-24T00:00:00Z"}]}}, "endTime must be after startTime"),
    ({"guards": {"freezes": [{"name": "f", "startTime": "tomorrow", "endTime": "2026-12-24T00:00:00Z"}]}}, "date-time"),
    ({"guards": {"approvals": {}}}, "Required value"),
    ({"guards": {"approvals": {"required": 0}}}, "greater than or equal to 1"),
    ({"analysis": {"metrics": [{**METRIC, "range": {}}]}}, "set min or max"),
    ({"analysis": {"metrics": [{**METRIC, "range": {"max": 0.5}}]}}, "max"),
    ({"analysis": {"metrics": [{**METRIC, "range": {"max": "1e3"}}]}}, "should match"),
    ({"analysis": {"metrics": [{**METRIC, "address": "ftp://p"}]}}, "should match"),
    ({"analysis": {"metrics": [{**METRIC, "address": "http://user@p"}]}}, "should match"),
    ({"analysis": {"metrics": [METRIC, METRIC]}}, "Duplicate value"),
    ({"analysis": {"metrics": [{**METRIC, "name": f"m{n}"} for n in range(11)]}}, "at most 10"),
    ({"analysis": {"webhooks": [{"name": "gate", "url": "http://ci", "when": "Sometimes"}]}}, "Unsupported value"),
    ({"wibble": 1}, "unknown field"),
], ids=str)
def test_bad_policy_is_refused_with_the_reason(api, spec, says):
    assert says in refusal(api, policy(**spec))


def test_target_and_selector_cannot_be_changed_and_the_rest_can(api):
    create(api, policy("fixed"), dry=False)
    path = f"{PATH}/reloadpolicies/fixed"
    for change in ({"targetRef": {"name": "other"}}, {"targetRef": None, "selector": {"matchLabels": {"a": "b"}}}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            api.merge(path, {"spec": change})
        assert "immutable" in refused.value.read().decode()
    assert api.merge(path, {"spec": {"suspend": True}})["spec"]["suspend"] is True


def test_spec_of_a_reload_cannot_be_changed(api):
    body = {"apiVersion": "sidestep.dev/v1alpha1", "kind": "Reload", "metadata": {"name": "r"},
            "spec": {"policyRef": {"name": "fixed"}, "token": "t"}}
    create(api, body, dry=False)
    with pytest.raises(urllib.error.HTTPError) as refused:
        api.merge(f"{PATH}/reloads/r", {"spec": {"token": "u"}})
    assert "immutable" in refused.value.read().decode()
    api.merge(f"{PATH}/reloads/r", {"metadata": {"annotations": {"sidestep.dev/abort": "true"}}})


def test_status_is_a_subresource_and_its_conditions_are_keyed_by_type(api):
    now = "2026-11-23T10:00:00.125Z"
    condition = {"type": "Ready", "status": "True", "reason": "Up", "message": "", "lastTransitionTime": now}
    create(api, policy("stated"), dry=False)
    path = f"{PATH}/reloadpolicies/stated"
    assert "status" not in api.merge(path, {"status": {"observedGeneration": 1}})
    assert api.merge(path + "/status", {"status": {"conditions": [condition]}})["status"]["conditions"] == [condition]
    twice = copy.deepcopy([condition, condition])
    with pytest.raises(urllib.error.HTTPError) as refused:
        api.merge(path + "/status", {"status": {"conditions": twice}})
    assert "Duplicate value" in refused.value.read().decode()


def test_short_names_and_columns_are_those_that_people_see(api):
    columns = api.kubectl("get", "rp").stdout.splitlines()[0].split()
    assert columns == ["NAME", "TARGET", "PODS", "UPDATED", "READY", "REASON", "AGE"]
    assert api.kubectl("get", "rl").stdout.splitlines()[0].split()[1:4] == ["POLICY", "PHASE", "STEP"]
