"""A changed ConfigMap reloads its workload by itself: once for many changes, when the pods see it, and nothing is lost."""
import time

from harness.load import EVERYDAY
from harness.waiting import eventually

AT_ONCE = {"pods": "100%", "weightPerTenThousand": 10000}
ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "sidestep-shop"}}
RULES = [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["shop-config"], "verbs": ["get", "list", "watch"]}]
OPERATOR = {"kind": "ServiceAccount", "name": "sidestep-operator", "namespace": "sidestep-system"}


def test_a_changed_configmap_reloads_by_itself_and_nothing_is_lost(shop, load, kubectl):
    shop.install(2)
    shop.set_steps(AT_ONCE)
    kubectl.apply({**ROLE, "kind": "Role", "rules": RULES},
                  {**ROLE, "kind": "RoleBinding", "subjects": [OPERATOR],
                   "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "sidestep-shop"}})
    kubectl.patch("reloadpolicy", "shop", {"spec": {"triggers": {
        "configMaps": [{"name": "shop-config"}], "quietPeriodSeconds": 1, "maxWaitSeconds": 20}}})
    eventually("the content is adopted", lambda: kubectl.get("reloadpolicy", "shop")["status"]["appliedHash"], 60)
    before = shop.pods.identities()
    load.begin(shop.address(), EVERYDAY)
    time.sleep(2)
    for version in ("1.5", "1.7", "2"):
        shop.configure(version=version)
    changed = time.time()
    run = eventually("a Reload", lambda: shop.runs(), 60)[0]
    ended = shop.wait_ended(run.document["spec"]["token"])
    moved = time.time()
    time.sleep(2)
    report = load.finish()

    assert ended.succeeded, ended
    assert len(shop.runs()) == 1
    report.assert_nothing_lost()
    assert report.share("2", since=moved + 1) == 1
    assert shop.pods.identities() == before
    assert moved - changed < 30
    status = kubectl.get("reloadpolicy", "shop")["status"]
    assert status["appliedHash"] == status["desiredHash"] != status["previousHash"]
