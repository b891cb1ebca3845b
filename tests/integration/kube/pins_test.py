"""Pinned ConfigMaps and Secrets on a real API server, with the rights of manifests/base and what kubectl sidestep rbac prints."""
import base64
import subprocess
import time
import urllib.error

import pytest

from fleet import eventually

FOREIGN = {"labels": {"app.kubernetes.io/instance": "shop", "prune": "me"}, "annotations": {"owner": "argo"}}


class PinnedShop:
    """A fleet whose policy pins a ConfigMap and a Secret. The kubelet is the test: see()."""

    def __init__(self, fleet, programs):
        triggers = {"configMaps": [{"name": "shop-config", "mode": "Pinned"}],
                    "secrets": [{"name": "shop-db", "mode": "Pinned", "copy": True}],
                    "quietPeriodSeconds": 1, "maxWaitSeconds": 10}
        self.fleet = fleet(count=2, triggers=triggers, config=[{"path": "/etc/shop"}])
        self.api, self.programs = self.fleet.api, programs
        self.home = f"/api/v1/namespaces/{self.fleet.namespace}"
        self.api.call("POST", f"{self.home}/configmaps", {"metadata": {"name": "shop-config", **FOREIGN}, "data": {"shop.yaml": "v1"}})
        self.api.call("POST", f"{self.home}/secrets", {"metadata": {"name": "shop-db", **FOREIGN}, "stringData": {"password": "v1"}})

    def cli(self, *words: str):
        return subprocess.run([self.programs / "bin/kubectl-sidestep", *words, "-n", self.fleet.namespace,
                               f"--kubeconfig={self.api.kubeconfig}"], capture_output=True, text=True, timeout=90)

    def fill(self) -> "PinnedShop":
        self.fleet.fill()
        return self

    def grant(self) -> "PinnedShop":
        printed = self.cli("rbac", "shop")
        assert printed.returncode == 0, printed.stderr
        done = self.api.kubectl("apply", "-f", "-", input=printed.stdout)
        assert done.returncode == 0, done.stderr
        return self

    def configure(self, value: str) -> None:
        self.api.merge(f"{self.home}/configmaps/shop-config", {"data": {"shop.yaml": value}})

    def objects(self, kind: str, copy: str) -> list[dict]:
        return [each for each in self.api.call("GET", f"{self.home}/{kind}")["items"]
                if each["metadata"]["name"].startswith(f"sidestep-{copy}-shop-")]

    def content(self, copy: str) -> list[str]:
        """Of both sources; empty while one is missing."""
        values = [each["data"]["shop.yaml"] for each in self.objects("configmaps", copy)]
        values += [base64.b64decode(each["data"]["password"]).decode() for each in self.objects("secrets", copy)]
        return values if len(values) == 2 else []

    def see(self) -> None:
        """The kubelet brings the staged copies to the pods."""
        seen = {f"ConfigMap/{each['metadata']['name']}": each["data"] for each in self.objects("configmaps", "staged")}
        seen |= {f"Secret/{each['metadata']['name']}": {k: base64.b64decode(v).decode() for k, v in each["data"].items()}
                 for each in self.objects("secrets", "staged")}
        for sidecar in self.fleet.sidecars.values():
            sidecar.sources = seen

    def over(self, count: int) -> dict:
        """The newest of `count` reloads, once all have ended."""
        def look():
            self.see()
            reloads = self.fleet.reloads()
            phases = [(r.get("status") or {}).get("phase") for r in reloads]
            return len(reloads) >= count and all(p in ("Succeeded", "Failed", "Aborted") for p in phases) and reloads
        reloads = eventually(look, 60, f"not {count} reloads that ended")
        assert len(reloads) == count, [r["spec"] for r in reloads]
        return max(reloads, key=lambda r: r["status"]["endTime"])

    def reload_to(self, value: str, count: int) -> dict:
        self.configure(value)
        return self.over(count)

    def condition(self, kind: str = "SourcesPinned") -> dict:
        found = [c for c in (self.fleet.policy().get("status") or {}).get("conditions", []) if c["type"] == kind]
        return found[0] if found else {"reason": "", "status": "", "message": ""}

    def pinned(self) -> "PinnedShop":
        eventually(lambda: self.condition()["status"] == "True", what=f"nothing is pinned: {self.condition()}")
        return self


@pytest.fixture
def shop(fleet, programs):
    return PinnedShop(fleet, programs)


def test_content_at_first_sight_is_kept_without_a_mark_of_its_source(start, shop):
    start()
    shop.fill()
    eventually(lambda: shop.condition()["reason"] == "SourceForbidden", what="no condition without the right")
    assert "kubectl sidestep rbac shop" in shop.condition()["message"]
    shop.grant().pinned()
    assert shop.content("kept") == ["v1", "v1"]
    for copy in shop.objects("configmaps", "kept") + shop.objects("secrets", "kept"):
        assert "labels" not in copy["metadata"]
        assert all(name.startswith("sidestep.dev/") for name in copy["metadata"]["annotations"])
        assert [owner["kind"] for owner in copy["metadata"]["ownerReferences"]] == ["ReloadPolicy"]
    assert shop.fleet.reloads() == []


def test_a_reload_brings_one_content_to_all_and_undo_goes_back(start, shop):
    start()
    shop.fill().grant()
    shop.pinned().configure("v2")
    eventually(lambda: shop.content("staged") == ["v2", "v1"], what="nothing is staged")
    shop.configure("v3")  # while it runs: no pod of it gets that
    time.sleep(0.5)
    assert not any(s.told("/v1/reload") for s in shop.fleet.sidecars.values()), "a candidate started before its pod had the copy"
    first = shop.over(2)
    assert [r["status"]["phase"] for r in shop.fleet.reloads()] == ["Succeeded", "Succeeded"], first
    eventually(lambda: shop.content("kept") == ["v3", "v1"], what=f"kept: {shop.content('kept')}")
    assert shop.content("previous") == ["v2", "v1"]
    shop.see()
    undone = shop.cli("undo", "shop", "--no-wait")
    assert undone.returncode == 0, undone.stderr
    assert shop.over(3)["spec"]["content"] == "Previous"
    assert shop.over(3)["status"]["phase"] == "Succeeded"
    assert (shop.content("kept"), shop.content("previous")) == (["v2", "v1"], ["v3", "v1"])
    time.sleep(2.5)
    assert len(shop.fleet.reloads()) == 3, "what was gone back from came back by itself"
    status = shop.fleet.policy()["status"]
    assert status["previousHash"] == status["desiredHash"] != status["appliedHash"]


def test_after_a_rollback_the_kept_content_is_what_the_pods_run(start, shop):
    start()
    shop.fill().grant()
    shop.pinned()
    for sidecar in shop.fleet.sidecars.values():
        sidecar.candidate = "exits"
    assert shop.reload_to("bad", 1)["status"]["phase"] == "Failed"
    assert (shop.content("kept"), shop.content("previous")) == (["v1", "v1"], [])
    refused = shop.cli("undo", "shop", "--timeout=30s")
    assert refused.returncode == 1 and "NoSuchContent" in refused.stdout, refused.stdout + refused.stderr


def test_an_operator_that_returns_finishes_what_it_had_begun(start, shop):
    first = start()
    shop.fill().grant()
    shop.pinned().configure("v2")
    eventually(lambda: shop.content("staged") == ["v2", "v1"], what="nothing is staged")
    first.kill()
    start()
    assert shop.over(1)["status"]["phase"] == "Succeeded"
    eventually(lambda: (shop.content("kept"), shop.content("previous")) == (["v2", "v1"], ["v1", "v1"]), what="it was not kept")


def copies(shop) -> int:
    return sum(len(shop.objects(kind, copy)) for kind in ("configmaps", "secrets") for copy in ("kept", "staged", "previous"))


def test_copies_of_a_source_that_is_pinned_no_longer_go_with_the_last_pod_that_mounts_them(start, shop):
    start()
    shop.fill().grant()
    shop.pinned().reload_to("v2", 1)
    eventually(lambda: shop.content("previous") == ["v1", "v1"], what="nothing is to be removed")
    home = f"{shop.home}/pods"
    for secret in shop.objects("secrets", "kept"):  # of a pod that no policy has
        shop.api.call("POST", home, {"metadata": {"name": "reader"}, "spec": {
            "containers": [{"name": "c", "image": "c"}], "volumes": [{"name": "v", "secret": {"secretName": secret["metadata"]["name"]}}]}})
    shop.api.call("POST", f"{shop.home}/configmaps", {"metadata": {"name": "sidestep-kept-of-somebody"}})
    time.sleep(1)  # until the operator's watch has the pod
    shop.api.merge(f"{shop.fleet.home}/reloadpolicies/shop", {"spec": {"triggers": {
        "configMaps": [{"name": "shop-config"}], "secrets": [{"name": "shop-db", "mode": "Live"}]}}})
    eventually(lambda: shop.condition("CopiesLeft")["reason"] == "StillMounted", what=f"no pod is named: {shop.condition('CopiesLeft')}")
    assert "Secret/shop-db is pinned no longer, and its copies are mounted by reader;" in shop.condition("CopiesLeft")["message"]
    eventually(lambda: copies(shop) == 3, what="the ConfigMap's copies stay")
    assert shop.fleet.policy()["status"]["pinnedSources"] == ["Secret/shop-db"]
    shop.api.call("DELETE", f"{home}/reader?gracePeriodSeconds=0")
    shop.api.merge(f"{shop.fleet.home}/reloadpolicies/shop", {"metadata": {"labels": {"look": "now"}}})  # the pod was nobody's
    eventually(lambda: copies(shop) == 0, what="copies are left")
    eventually(lambda: not shop.fleet.policy()["status"].get("pinnedSources"), what="the source is not forgotten")
    assert shop.condition("CopiesLeft")["status"] == ""
    assert shop.api.call("GET", f"{shop.home}/configmaps/sidestep-kept-of-somebody")


def test_a_missing_right_to_remove_copies_is_said_with_its_remedy_and_does_no_harm(start, shop):
    operator = start()
    shop.fill().grant().pinned()
    shop.api.kubectl("delete", "role", "sidestep-shop", "-n", shop.fleet.namespace)
    time.sleep(2)  # until the API server knows
    shop.api.merge(f"{shop.fleet.home}/reloadpolicies/shop", {"spec": {"triggers": {"configMaps": None, "secrets": None}}})
    eventually(lambda: shop.condition("CopiesLeft")["reason"] == "SourceForbidden", what=f"it is not said: {shop.condition('CopiesLeft')}")
    assert "kubectl sidestep rbac shop" in shop.condition("CopiesLeft")["message"]
    assert shop.condition("Ready")["status"] == "True"
    before = operator.log.read_text().count("sidestep-kept-shop")
    time.sleep(3)
    assert operator.log.read_text().count("sidestep-kept-shop") - before <= 2, "it tries again and again"
    assert copies(shop) == 2
    shop.grant()
    eventually(lambda: copies(shop) == 0, 60, "copies are left")


def test_a_secret_is_pinned_only_with_leave_to_copy_it(cluster, fleet):
    shop = fleet(triggers={"secrets": [{"name": "a", "mode": "Pinned"}]})
    with pytest.raises(urllib.error.HTTPError) as refused:
        shop.add_policy()
    assert "set copy to true" in refused.value.read().decode()


def test_ways_that_cannot_be_pinned_are_named(start, shop):
    start()
    shop.fill().grant()
    eventually(lambda: shop.condition("SourceNotPinnable")["status"] == "True", what="the missing mounts are not named")
    assert "kubectl rollout restart" in shop.condition("SourceNotPinnable")["message"]
    shop.pinned().reload_to("v2", 1)
    eventually(lambda: shop.condition("SourceNotPinnable")["status"] == "False", 90, what="it stays")
