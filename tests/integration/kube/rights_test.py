"""An operator that lacks a right says which rule to add, in its log, in /readyz and on the policy, and goes on once it is added."""
import json
import urllib.error
import urllib.request

import pytest

from fleet import Operator, eventually

RBAC = "/apis/rbac.authorization.k8s.io/v1"
MISSING = "{apiGroups: [sidestep.dev], resources: [reloads], verbs: [create]}"


@pytest.fixture
def narrow(cluster, programs, tmp_path):
    """An operator under an account of its own, without the right to create Reloads."""
    home = "/api/v1/namespaces/sidestep-system/serviceaccounts"
    subject = [{"kind": "ServiceAccount", "name": "narrow", "namespace": "sidestep-system"}]
    cluster.call("POST", home, {"metadata": {"name": "narrow"}})
    rules = cluster.call("GET", f"{RBAC}/clusterroles/sidestep-operator")["rules"]
    for rule in rules:
        if rule["resources"] == ["reloads"]:
            rule["verbs"].remove("create")
    cluster.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "narrow"}, "rules": rules})
    for kind, where, role in (("ClusterRole", "clusterrolebindings", "narrow"),
                              ("Role", "namespaces/sidestep-system/rolebindings", "sidestep-operator")):
        cluster.call("POST", f"{RBAC}/{where}", {"metadata": {"name": "narrow"}, "subjects": subject,
                                                 "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}})
    token = cluster.call("POST", f"{home}/narrow/token", {"spec": {"expirationSeconds": 7200}})["status"]["token"]
    operator = Operator(programs / "bin/sidestep-operator", cluster.write_kubeconfig(tmp_path / "narrow", token), tmp_path)
    yield operator
    if operator.process.poll() is None:
        operator.stop()


def ready_page(operator) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{operator.health_port()}/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def condition(shop, kind: str) -> dict:
    found = {c["type"]: c for c in (shop.policy().get("status") or {}).get("conditions", [])}
    return found.get(kind, {"status": "", "reason": "", "message": ""})


def test_missing_right_is_said_with_its_rule_and_recovers_by_itself(narrow, cluster, fleet):
    eventually(lambda: MISSING in narrow.log.read_text(), what="the log does not name the rule")
    assert narrow.log.read_text().count("a right is missing") == 1
    eventually(lambda: ready_page(narrow)[0] == 503 and MISSING in ready_page(narrow)[1], what="/readyz does not tell")
    shop = fleet(count=1).fill()
    shop.annotate("t")
    eventually(lambda: condition(shop, "Stalled")["status"] == "True", what="not stalled")
    assert condition(shop, "Ready")["status"] == "False"
    assert condition(shop, "Stalled")["reason"] == "WriteForbidden"
    assert f"add {MISSING} to the operator's role" in condition(shop, "Stalled")["message"]
    events = json.loads(cluster.kubectl("get", "events.events.k8s.io", "-n", shop.namespace, "-o", "json").stdout)["items"]
    assert [e["reason"] for e in events if e["type"] == "Warning"] == ["WriteForbidden"]
    rules = cluster.call("GET", f"{RBAC}/clusterroles/sidestep-operator")["rules"]
    cluster.merge(f"{RBAC}/clusterroles/narrow", {"rules": rules})
    assert shop.ended("t")["status"]["phase"] == "Succeeded"
    eventually(lambda: condition(shop, "Stalled")["status"] == "False", what="still stalled")
    eventually(lambda: ready_page(narrow)[0] == 200, what="/readyz does not recover")
