"""Windows, freezes and approvals: who may approve is decided by a real API server (manifests/base/admission.yaml), when a
reload starts by the operator."""
import subprocess
import time
import urllib.error
from datetime import datetime, timedelta, timezone

import pytest

from fleet import GROUP, eventually
from triggers_test import Shop


def text_of(time_of: datetime) -> str:
    return time_of.strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> datetime:
    return datetime.now(timezone.utc)


def condition(reload: dict, kind: str) -> dict:
    found = [c for c in (reload.get("status") or {}).get("conditions", []) if c["type"] == kind]
    return found[0] if found else {"status": "", "reason": "", "message": ""}


def bind(api, namespace: str, role: str, *subjects: dict) -> None:
    api.call("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", {
        "metadata": {"generateName": f"{role}-"}, "subjects": list(subjects),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}})


def user(name: str) -> dict:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}


class People:
    """Users of a namespace: jane and joe approve, ed edits. They write annotations of one Reload."""

    def __init__(self, api, namespace: str, reload: str):
        self.api, self.namespace, self.reload = api, namespace, reload
        bind(api, namespace, "sidestep-approve", user("jane"), user("joe"))
        bind(api, namespace, "sidestep-edit", user("ed"))
        bind(api, namespace, "sidestep-view", user("ed"))

    def annotate(self, who: str, *annotations: str) -> subprocess.CompletedProcess:
        others = [] if who == "admin" else [f"--as={who}"]
        return self.api.kubectl("annotate", "reload", self.reload, *annotations, "--overwrite", "-n", self.namespace, *others)

    def may(self, who: str, *annotations: str) -> None:
        done = self.annotate(who, *annotations)
        assert done.returncode == 0, done.stderr

    def may_not(self, says: str, who: str, *annotations: str) -> None:
        done = self.annotate(who, *annotations)
        assert done.returncode != 0 and says in done.stderr, (who, annotations, done.stdout, done.stderr)


@pytest.fixture
def people(cluster):
    namespace = f"people-{time.monotonic_ns()}"
    cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    cluster.call("POST", f"{GROUP}/namespaces/{namespace}/reloads", {
        "apiVersion": "sidestep.dev/v1alpha1", "kind": "Reload", "metadata": {"name": "r"}, "spec": {"policyRef": {"name": "shop"}}})
    there = People(cluster, namespace, "r")
    eventually(lambda: there.annotate("ed", "x=1").returncode == 0, what="the roles are not in force")
    eventually(lambda: there.annotate("jane", "x=2").returncode == 0, what="the roles are not in force")
    eventually(lambda: there.annotate("ed", "approve.sidestep.dev/x=nobody").returncode != 0, what="the admission policy is not in force")
    yield there
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_an_approval_is_given_under_the_own_name_by_those_who_may(people):
    forged, verb = "an approval carries the user name", "needs the verb approve"
    people.may_not(forged, "jane", "approve.sidestep.dev/joe=joe")
    people.may_not(forged, "admin", "approve.sidestep.dev/joe=joe")  # who may do everything else
    people.may_not(verb, "ed", "approve.sidestep.dev/ed=ed")
    people.may("jane", "approve.sidestep.dev/jane=jane")
    people.may("ed", "note=a change of something else passes, with approvals beside it")
    people.may_not("taken back by the one who gave it", "joe", "approve.sidestep.dev/jane-")
    people.may_not("taken back by the one who gave it", "joe", "approve.sidestep.dev/jane=joe")
    people.may("jane", "approve.sidestep.dev/jane-")


def test_a_reload_is_not_made_with_somebody_elses_approval(people):
    body = {"apiVersion": "sidestep.dev/v1alpha1", "kind": "Reload", "spec": {"policyRef": {"name": "shop"}},
            "metadata": {"generateName": "r-", "annotations": {"approve.sidestep.dev/joe": "joe"}}}
    path = f"{GROUP}/namespaces/{people.namespace}/reloads"
    with pytest.raises(urllib.error.HTTPError) as refused:
        people.api.call("POST", path, body)
    assert "an approval carries the user name" in refused.value.read().decode()
    body["metadata"]["annotations"] = {"approve.sidestep.dev/admin": "admin"}
    people.api.call("POST", path, body)


def test_promote_and_abort_are_verbs_of_their_own(people):
    for annotation, verb in (("promote=true", "promote"), ("skip-step=1", "promote"), ("abort=true", "abort")):
        people.may_not(f"needs the verb {verb}", "jane", f"sidestep.dev/{annotation}")
        people.may("ed", f"sidestep.dev/{annotation}")
    people.may("jane", "sidestep.dev/pause=true")


class Approver:
    """A ServiceAccount that may approve in the fleet's namespace, with the command line."""

    def __init__(self, fleet, programs, folder, name: str):
        api, home = fleet.api, f"/api/v1/namespaces/{fleet.namespace}/serviceaccounts"
        api.call("POST", home, {"metadata": {"name": name}})
        bind(api, fleet.namespace, "sidestep-approve", {"kind": "ServiceAccount", "name": name, "namespace": fleet.namespace})
        token = api.call("POST", f"{home}/{name}/token", {"spec": {"expirationSeconds": 3600}})["status"]["token"]
        self.kubeconfig = api.write_kubeconfig(folder / f"approver-{name}", token)
        self.name = f"system:serviceaccount:{fleet.namespace}:{name}"
        self.command = [programs / "bin/kubectl-sidestep", "approve", "-n", fleet.namespace, f"--kubeconfig={self.kubeconfig}"]

    def approve(self, what: str = "shop", *flags: str) -> str:
        """Tried again while the Role is not in force."""
        def attempt():
            done = subprocess.run([*self.command, what, *flags], capture_output=True, text=True, timeout=30)
            assert done.returncode in (0, 3), done.stderr
            return done.stdout if done.returncode == 0 else ""
        return eventually(attempt, 20, f"{self.name} cannot approve")


@pytest.fixture
def approver(programs, tmp_path):
    return lambda fleet, name: Approver(fleet, programs, tmp_path, name)


def only(fleet) -> dict:
    reloads = fleet.reloads()
    assert len(reloads) == 1
    return reloads[0]


def waits(fleet, reason: str) -> dict:
    """The one Reload, once it waits for that."""
    def look():
        reloads = [r for r in fleet.reloads() if condition(r, "Progressing")["reason"] == reason]
        return reloads[0] if reloads and reloads[0]["status"]["phase"] == "Pending" else None
    return eventually(look, what=f"no reload waits for {reason}")


def started(fleet) -> int:
    return sum(len(s.told("/v1/reload")) for s in fleet.sidecars.values())


def test_a_reload_starts_when_two_of_two_have_approved_it(start, fleet, approver):
    start()
    shop = fleet(count=2, guards={"approvals": {"required": 2}}).fill()
    shop.annotate("t1")
    reload = waits(shop, "ApprovalsMissing")
    assert condition(reload, "Approved")["status"] == "False" and "2 approvals are asked for" in condition(reload, "Approved")["message"]
    jane, joe = approver(shop, "jane"), approver(shop, "joe")
    assert f"approved by {jane.name}" in jane.approve()
    eventually(lambda: f"1 given ({jane.name})" in condition(only(shop), "Approved")["message"], what="the first is not counted")
    jane.approve(reload["metadata"]["name"])  # twice is once
    jane.approve("shop", "--withdraw")
    jane.approve()
    time.sleep(1)
    assert started(shop) == 0
    joe.approve()
    ended = shop.ended("t1")
    assert ended["status"]["phase"] == "Succeeded" and condition(ended, "Approved")["status"] == "True"
    assert started(shop) == 2


def test_a_reload_that_too_few_approve_in_time_ends(start, fleet, approver):
    start()
    shop = fleet(count=1, guards={"approvals": {"required": 2, "deadlineSeconds": 6}}).fill()
    shop.annotate("t1")
    waits(shop, "ApprovalsMissing")
    approver(shop, "jane").approve()
    ended = shop.ended("t1", 20)
    assert (ended["status"]["phase"], ended["status"]["endReason"]) == ("Aborted", "ApprovalDeadlineExceeded")
    assert condition(ended, "Succeeded")["status"] == "False" and started(shop) == 0
    assert "finalizers" not in ended["metadata"]


def test_what_was_approved_is_not_replaced_by_something_else(start, fleet, programs, approver):
    start()
    guards = {"approvals": {"required": 1}, "freezes": [{"name": "now", "startTime": text_of(now()), "endTime": text_of(now() + timedelta(hours=1))}]}
    shop = Shop(fleet, programs, guards=guards).fill()
    shop.grant()
    shop.adopted()
    shop.configure("shop.yaml", "v2")
    first = waits(shop.fleet, "ApprovalsMissing")
    jane = approver(shop.fleet, "jane")
    assert first["status"]["configHash"] in jane.approve()
    waits(shop.fleet, "Freeze")
    shop.configure("shop.yaml", "v3")
    second = waits(shop.fleet, "ApprovalsMissing")
    shop.see_all()
    assert second["metadata"]["name"] != first["metadata"]["name"]
    shop.api.merge(f"{shop.fleet.home}/reloadpolicies/shop", {"spec": {"guards": {"freezes": None}}})
    time.sleep(1.5)
    assert started(shop.fleet) == 0, "something started that nobody has approved"
    jane.approve()
    phases = {r["metadata"]["name"]: (r["status"]["phase"], r["status"]["endReason"]) for r in shop.ended(2)}
    assert phases[first["metadata"]["name"]] == ("Aborted", "Superseded")
    assert phases[second["metadata"]["name"]][0] == "Succeeded"


def test_a_freeze_holds_back_what_has_not_started_and_nothing_that_runs(start, fleet):
    start()
    ends = now() + timedelta(seconds=8)
    shop = fleet(count=2, guards={"freezes": [{"name": "sale", "startTime": text_of(now()), "endTime": text_of(ends), "reason": "a big day"}]})
    shop.spec["rollout"]["steps"][0]["pauseSeconds"] = 5
    shop.fill()
    shop.annotate("t1")
    reload = waits(shop, "Freeze")
    assert (condition(reload, "WindowOpen")["status"], condition(reload, "WindowOpen")["reason"]) == ("False", "Freeze")
    assert text_of(ends)[:-1] in condition(reload, "WindowOpen")["message"] and "a big day" in condition(reload, "WindowOpen")["message"]
    eventually(lambda: "startTime" in only(shop)["status"] and only(shop)["status"]["startTime"], what="it does not start at the end of the freeze")
    assert only(shop)["status"]["startTime"] >= text_of(ends)[:-1]
    again = {"name": "again", "startTime": text_of(now() - timedelta(seconds=5)), "endTime": text_of(now() + timedelta(hours=1))}
    shop.api.merge(f"{shop.home}/reloadpolicies/shop", {"spec": {"guards": {"freezes": [again]}}})
    assert shop.ended("t1")["status"]["phase"] == "Succeeded", "a freeze stopped it half way"


def test_a_reload_waits_for_its_window_and_starts_when_it_opens(start, fleet):
    start()
    opens = (now() + timedelta(seconds=75)).replace(second=0)  # 15 to 75 s from now: windows begin with a minute
    window = {"name": "soon", "startTimeOfDay": opens.strftime("%H:%M"), "endTimeOfDay": (opens + timedelta(minutes=30)).strftime("%H:%M")}
    shop = fleet(count=1, guards={"windows": [window]}).fill()
    shop.annotate("t1")
    reload = waits(shop, "WindowClosed")
    assert condition(reload, "WindowOpen")["status"] == "False" and text_of(opens)[:-1] in condition(reload, "WindowOpen")["message"]
    ended = shop.ended("t1", 120)
    assert ended["status"]["phase"] == "Succeeded" and ended["status"]["startTime"] >= text_of(opens)[:-1]
    assert condition(ended, "WindowOpen")["status"] == "True"


def test_a_zone_that_nobody_knows_is_a_condition_of_the_policy(start, fleet):
    start()
    shop = fleet(count=1, guards={"windows": [{"name": "office", "startTimeOfDay": "00:00", "endTimeOfDay": "24:00", "timeZone": "Europe/Nowhere"}]})
    shop.add_policy()
    def ready() -> dict:
        return condition(shop.policy(), "Ready")
    eventually(lambda: ready()["reason"] == "InvalidSpec", what="no condition")
    assert "Europe/Nowhere" in ready()["message"] and condition(shop.policy(), "Stalled")["status"] == "True"
