"""ConfigMaps and Secrets by name as triggers: on a real API server, with the rights of manifests/base and the Role that
kubectl sidestep rbac prints, and no more."""
import subprocess
import time

import pytest

from fleet import eventually

CONFIG, SECRET = "ConfigMap/shop-config", "Secret/shop-db"


class Shop:
    """A fleet whose pods mount what the policy names. The kubelet is the test: see_all()."""

    def __init__(self, fleet, programs, **kwargs):
        triggers = {"configMaps": [{"name": "shop-config", "excludeKeys": ["*.md"]}], "secrets": [{"name": "shop-db"}],
                    "quietPeriodSeconds": 1, "maxWaitSeconds": 10}
        self.fleet = fleet(count=2, triggers=triggers, **kwargs)
        self.api, self.programs = self.fleet.api, programs
        self.values = {CONFIG: {"shop.yaml": "v1"}, SECRET: {"password": "p1"}}
        self.home = f"/api/v1/namespaces/{self.fleet.namespace}"
        self.api.call("POST", f"{self.home}/configmaps", {"metadata": {"name": "shop-config"}, "data": self.values[CONFIG]})
        self.api.call("POST", f"{self.home}/secrets", {"metadata": {"name": "shop-db"}, "stringData": self.values[SECRET]})

    def fill(self) -> "Shop":
        self.fleet.fill()
        self.see_all()
        return self

    def grant(self) -> None:
        printed = subprocess.run([self.programs / "bin/kubectl-sidestep", "rbac", "shop", "-n", self.fleet.namespace,
                                  f"--kubeconfig={self.api.kubeconfig}"], capture_output=True, text=True, timeout=30)
        assert printed.returncode == 0, printed.stderr
        done = self.api.kubectl("apply", "-f", "-", input=printed.stdout)
        assert done.returncode == 0, done.stderr

    def see_all(self) -> None:
        for sidecar in self.fleet.sidecars.values():
            sidecar.sources = {name: dict(keys) for name, keys in self.values.items()}

    def configure(self, key: str, value: str) -> None:
        self.values[CONFIG][key] = value
        self.api.merge(f"{self.home}/configmaps/shop-config", {"data": {key: value}})

    def status(self) -> dict:
        return self.fleet.policy().get("status") or {}

    def condition(self) -> dict:
        found = [c for c in self.status().get("conditions", []) if c["type"] == "SourcesReadable"]
        return found[0] if found else {"reason": "", "status": "", "message": ""}

    def adopted(self) -> str:
        return eventually(lambda: self.status().get("appliedHash"), what="the content was not adopted")

    def ended(self, count: int) -> list[dict]:
        def all_over():
            reloads = self.fleet.reloads()
            phases = [(r.get("status") or {}).get("phase") for r in reloads]
            return len(reloads) >= count and all(p in ("Succeeded", "Failed", "Aborted") for p in phases) and reloads
        reloads = eventually(all_over, 60, f"not {count} reloads")
        assert len(reloads) == count, [r["spec"] for r in reloads]
        return reloads


@pytest.fixture
def shop(fleet, programs):
    return Shop(fleet, programs)


def test_many_changes_are_one_reload_that_starts_when_the_pods_see_them(start, shop):
    start()
    shop.fill().grant()
    before = shop.adopted()
    assert shop.fleet.reloads() == []
    for i in range(10):
        shop.configure("shop.yaml", f"v{i + 2}")
    running = eventually(shop.fleet.reloads, what="no reload")
    time.sleep(0.5)
    assert not any(s.told("/v1/reload") for s in shop.fleet.sidecars.values()), "a candidate started with the old content"
    shop.see_all()
    assert [r["status"]["phase"] for r in shop.ended(1)] == ["Succeeded"]
    assert running[0]["spec"]["reason"] == "changed: ConfigMap/shop-config, Secret/shop-db"
    status = eventually(lambda: shop.status()["appliedHash"] != before and shop.status(), what="nothing was applied")
    assert status["desiredHash"] == status["appliedHash"] and status["previousHash"] == before
    shop.configure("README.md", "a key that does not count")
    time.sleep(2)
    assert len(shop.fleet.reloads()) == 1


def test_a_restart_starts_nothing_and_a_change_made_meanwhile_is_found(start, shop):
    first = start()
    shop.fill().grant()
    shop.adopted()
    assert first.stop() == 0
    second = start()
    eventually(second.leads, what="nobody leads")
    time.sleep(2.5)
    assert shop.fleet.reloads() == []
    assert second.stop() == 0
    shop.api.merge(f"{shop.home}/secrets/shop-db", {"stringData": {"password": "p2"}})
    shop.values[SECRET]["password"] = "p2"
    shop.see_all()
    start()
    assert shop.ended(1)[0]["status"]["phase"] == "Succeeded"
    assert "p2" not in str(shop.fleet.policy()) and "p2" not in str(shop.fleet.reloads())


def test_missing_right_to_a_source_names_the_rule_and_recovers(start, shop):
    start()
    shop.fill()
    eventually(lambda: shop.condition()["reason"] == "SourceForbidden", what="no condition")
    for rule in ('{apiGroups: [""], resources: [configmaps], resourceNames: [shop-config], verbs: [get, list, watch]}',
                 '{apiGroups: [""], resources: [secrets], resourceNames: [shop-db], verbs: [get, list, watch]}'):
        assert rule in shop.condition()["message"]
    events = shop.api.kubectl("get", "events.events.k8s.io", "-n", shop.fleet.namespace, "-o", "json").stdout
    assert "SourceForbidden" in events
    shop.grant()
    eventually(lambda: shop.condition()["reason"] == "AllRead", what="it does not recover")
    shop.adopted()


def test_annotations_of_reloader_name_sources_where_the_policy_honors_them(start, fleet, programs):
    triggers = {"reloaderAnnotations": "Honor", "quietPeriodSeconds": 1, "maxWaitSeconds": 10}
    shop = Shop(fleet, programs)
    shop.fleet.spec["triggers"] = triggers
    path = f"/apis/apps/v1/namespaces/{shop.fleet.namespace}/deployments/shop"
    shop.api.merge(path, {"metadata": {"annotations": {"configmap.reloader.stakater.com/reload": "shop-config"}}})
    shop.fleet._settle_deployment()
    start()
    shop.fill().grant()
    shop.adopted()
    shop.configure("shop.yaml", "v2")
    eventually(shop.fleet.reloads, what="no reload")
    shop.see_all()
    assert shop.ended(1)[0]["spec"]["reason"] == "changed: ConfigMap/shop-config"
