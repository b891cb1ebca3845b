"""Argo CD's health scripts and actions for our objects, run by the Lua that Argo CD has, on statuses as the operator writes them."""
import subprocess

import pytest
import yaml

from conftest import TOP

DATA = yaml.safe_load((TOP / "manifests/argocd/argocd-cm.yaml").read_text())["data"]


@pytest.fixture(scope="module")
def lua():
    done = subprocess.run([TOP / "tests/tools/lua.sh"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    program = done.stdout.strip()

    def run(script: str, obj, show: str) -> str:
        text = f"obj = {literal(obj)}\nlocal function judge()\n{script}\nend\nlocal made = judge()\nio.write(tostring({show}))\n"
        done = subprocess.run([program, "-e", text], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
        return done.stdout
    return run


def literal(value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'["{key}"] = {literal(inner)}' for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(literal, value)) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else '"' + value + '"'


def condition(kind: str, status: str, reason: str = "R") -> dict:
    return {"type": kind, "status": status, "reason": reason, "message": "m"}


def policy(*conditions, observed: int = 2, **spec) -> dict:
    return {"metadata": {"generation": 2}, "spec": spec, "status": {"observedGeneration": observed, "conditions": list(conditions)}}


@pytest.mark.parametrize("obj, health", [
    ({"metadata": {"generation": 1}, "spec": {}}, "Progressing"),
    (policy(condition("Ready", "True"), observed=1), "Progressing"),
    (policy(condition("Ready", "True"), condition("Reconciling", "False"), condition("Stalled", "False")), "Healthy"),
    (policy(condition("Ready", "False"), condition("Reconciling", "True"), condition("Stalled", "False")), "Progressing"),
    (policy(condition("Ready", "False"), condition("Reconciling", "False"), condition("Stalled", "True")), "Degraded"),
    (policy(condition("Ready", "False"), condition("Reconciling", "False")), "Degraded"),
    (policy(condition("Ready", "True"), suspend=True), "Suspended")])
def test_health_of_a_policy_follows_the_conditions_that_kstatus_reads(lua, obj, health):
    assert lua(DATA["resource.customizations.health.sidestep.dev_ReloadPolicy"], obj, "made.status") == health


@pytest.mark.parametrize("status, health", [
    ({}, "Progressing"), ({"phase": "Paused", "conditions": [condition("Succeeded", "Unknown")]}, "Suspended"),
    ({"phase": "Succeeded", "conditions": [condition("Succeeded", "True")]}, "Healthy"),
    ({"phase": "Failed", "conditions": [condition("Succeeded", "False", "ErrorRate")]}, "Degraded")])
def test_health_of_a_reload_is_its_verdict(lua, status, health):
    assert lua(DATA["resource.customizations.health.sidestep.dev_Reload"], {"status": status}, "made.status") == health


@pytest.mark.parametrize("name, annotation, value", [("promote", "promote", "true"), ("abort", "abort", "Argo CD"), ("pause", "pause", "true"),
                                                     ("resume", "pause", "nil")])
def test_actions_write_the_annotations_that_the_operator_reads(lua, name, annotation, value):
    actions = yaml.safe_load(DATA["resource.customizations.actions.sidestep.dev_Reload"])
    script = next(each["action.lua"] for each in actions["definitions"] if each["name"] == name)
    obj = {"metadata": {"annotations": {"sidestep.dev/pause": "true", "a": "b"}} if name == "resume" else {}}
    assert lua(script, obj, f'made.metadata.annotations["sidestep.dev/{annotation}"]') == value
    for status, disabled in (({}, "false"), ({"endTime": "t"}, "true")):
        assert lua(actions["discovery.lua"], {"status": status}, f"made.{name}.disabled") == disabled


def test_resume_of_what_has_no_other_annotation_leaves_no_empty_table(lua):
    """Argo CD writes an empty table as a list, which the API server refuses."""
    actions = yaml.safe_load(DATA["resource.customizations.actions.sidestep.dev_Reload"])
    script = next(each["action.lua"] for each in actions["definitions"] if each["name"] == "resume")
    for metadata in ({"annotations": {"sidestep.dev/pause": "true"}}, {"name": "r"}):
        assert lua(script, {"metadata": metadata}, "made.metadata.annotations") == "nil"


def test_health_of_a_reload_whose_condition_says_nothing_is_no_error(lua):
    script = DATA["resource.customizations.health.sidestep.dev_Reload"]
    assert lua(script, {"status": {"conditions": [{"type": "Succeeded", "status": "False"}]}}, "made.status .. made.message") == "DegradedFailed: "
