"""manifests/base on a real API server: it applies, and the operator's account may do what it must and no more."""
import subprocess
import time
import urllib.error

import pytest

from conftest import TOP

ACCOUNT = "system:serviceaccount:sidestep-system:sidestep-operator"


@pytest.fixture(scope="module")
def base(api):
    for attempt in range(3):  # the CRDs are not served the moment they are stored
        done = api.kubectl("apply", "--server-side", "-k", str(TOP / "manifests/base"))
        if done.returncode == 0:
            break
        time.sleep(1)
    assert done.returncode == 0, done.stderr
    # A namespace of apps, with one pod.
    api.kubectl("create", "namespace", "apps")
    pod = {"metadata": {"name": "p", "labels": {"app": "shop"}, "annotations": {"mine": "1"}},
           "spec": {"containers": [{"name": "c", "image": "i"}]}}
    api.call("POST", "/api/v1/namespaces/apps/pods", pod)
    return api


def may(api, verb: str, what: str, namespace: str = "apps") -> bool:
    return api.kubectl("auth", "can-i", verb, what, "-n", namespace, f"--as={ACCOUNT}").stdout.strip() == "yes"


@pytest.mark.parametrize("verb, what, namespace", [
    ("watch", "reloadpolicies.sidestep.dev", "apps"), ("create", "reloads.sidestep.dev", "apps"),
    ("patch", "reloads.sidestep.dev/status", "apps"), ("watch", "pods", "apps"), ("patch", "pods", "apps"),
    ("patch", "configmaps/sidestep-trust", "apps"), ("create", "events.events.k8s.io", "apps"),
    ("get", "secrets/sidestep-operator-key", "sidestep-system"), ("patch", "leases/sidestep-operator", "sidestep-system")])
def test_the_operator_may_do_what_it_must(base, verb, what, namespace):
    assert may(base, verb, what, namespace)


@pytest.mark.parametrize("verb, what, namespace", [
    ("get", "secrets", "apps"), ("list", "secrets", "sidestep-system"), ("get", "secrets/other", "sidestep-system"),
    ("patch", "configmaps/shop-config", "apps"), ("delete", "pods", "apps"), ("create", "pods", "apps"),
    ("create", "pods/exec", "apps"), ("patch", "deployments.apps", "apps"), ("update", "reloads.sidestep.dev", "apps"),
    ("delete", "reloadpolicies.sidestep.dev", "apps"), ("*", "*", "apps")])
def test_the_operator_may_do_no_more(base, verb, what, namespace):
    assert not may(base, verb, what, namespace)


def patch_pod(api, patch: str):
    return api.kubectl("patch", "pod", "p", "-n", "apps", "--type=merge", "-p", patch, f"--as={ACCOUNT}")


def test_of_a_pod_the_operator_patches_its_own_annotations_alone(base):
    give_up = time.monotonic() + 20  # until the admission policy is in force
    while patch_pod(base, '{"metadata":{"annotations":{"other":"%d"}}}' % time.monotonic_ns()).returncode == 0:
        assert time.monotonic() < give_up, "the admission policy lets everything pass"
        time.sleep(0.2)
    assert patch_pod(base, '{"metadata":{"annotations":{"sidestep.dev/refresh":"1"}}}').returncode == 0
    assert patch_pod(base, '{"metadata":{"annotations":{"sidestep.dev/refresh":null}}}').returncode == 0
    for forbidden in ('{"metadata":{"annotations":{"mine":"2"}}}', '{"metadata":{"annotations":{"mine":null}}}',
                      '{"metadata":{"labels":{"app":"x"}}}', '{"metadata":{"finalizers":["a.b/c"]}}',
                      '{"spec":{"containers":[{"name":"c","image":"evil"}]}}'):
        refused = patch_pod(base, forbidden)
        assert refused.returncode != 0 and "ValidatingAdmissionPolicy" in refused.stderr, (forbidden, refused.stderr)


def test_people_get_their_rights_through_the_roles_that_clusters_have(base):
    def role(name):
        return base.call("GET", f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}")
    assert role("sidestep-view")["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert "create" not in role("sidestep-view")["rules"][0]["verbs"]


def test_the_operator_runs_under_the_restricted_profile(base):
    """The namespace enforces it, so a pod of the Deployment's template must be admitted there."""
    deployment = base.call("GET", "/apis/apps/v1/namespaces/sidestep-system/deployments/sidestep-operator")
    template = deployment["spec"]["template"]
    pod = {"metadata": {"name": "probe", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    base.call("POST", "/api/v1/namespaces/sidestep-system/pods?dryRun=All", pod)
    template["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(urllib.error.HTTPError):
        base.call("POST", "/api/v1/namespaces/sidestep-system/pods?dryRun=All", pod)


def test_what_is_left_in_the_cluster_is_listed(base, programs):
    """Nothing of it waits for an operator, so finalizers are what would hang."""
    def listed():
        done = subprocess.run([programs / "bin/kubectl-sidestep", "uninstall", "--check", f"--kubeconfig={base.kubeconfig}"],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 1, done.stderr
        return done.stdout.splitlines()
    home = "/apis/sidestep.dev/v1alpha1/namespaces/apps"
    base.call("POST", f"{home}/reloads", {"apiVersion": "sidestep.dev/v1alpha1", "kind": "Reload", "spec": {"policyRef": {"name": "p"}},
                                          "metadata": {"name": "hangs", "finalizers": ["sidestep.dev/reload"]}})
    base.call("POST", "/api/v1/namespaces/apps/pods", {"metadata": {"name": "injected"}, "spec": {
        "initContainers": [{"name": "sidestep", "image": "i", "restartPolicy": "Always"}], "containers": [{"name": "c", "image": "i"}]}})
    lines = listed()
    for line in ("  customresourcedefinitions/reloads.sidestep.dev", "  mutatingwebhookconfigurations/sidestep-operator",
                 "  validatingadmissionpolicies/sidestep-reloads", "  reloads apps/hangs"):
        assert line in lines, lines
    assert any(line.startswith("  apps: ") for line in lines)
    base.merge(f"{home}/reloads/hangs", {"metadata": {"finalizers": None}})
    assert "  reloads apps/hangs" not in listed()
