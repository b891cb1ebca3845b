"""The injecting webhook, called by a real kube-apiserver over TLS with the certificate that the operator made."""
import base64
import json
import re
import socket
import ssl
import urllib.error
import urllib.request

import pytest

from conftest import TOP
from fleet import GROUP, eventually

CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/sidestep-operator"
SECRET = "/api/v1/namespaces/sidestep-system/secrets/sidestep-webhook-tls"
NAMESPACE = "hooked"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


def pod(name, labels=None, **container):
    return {"metadata": {"name": name, "labels": {"sidestep.dev/inject": "true"} if labels is None else labels},
            "spec": {"containers": [{"name": "web", "image": "web", "command": ["/bin/web"], "ports": [{"containerPort": 8080}],
                                     **container}]}}


def trusting_all() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def bundle(api) -> str:
    return api.call("GET", CONFIGURATION)["webhooks"][0]["clientConfig"].get("caBundle", "")


@pytest.fixture
def hooked(cluster, start):
    """An operator that serves the webhook, and an API server that calls it by URL."""
    cluster.operator = operator = start("--webhook-listen=127.0.0.1:0", "--webhook-host=127.0.0.1", "--webhook-check=200ms", "--sidecar-image=sidecar:7")
    operator.health_port()
    port = cluster.webhook_port = int(re.search(r"webhook=(\d+)", operator.log.read_text()).group(1))
    cluster.call("PATCH", CONFIGURATION, [{"op": "replace", "path": "/webhooks/0/clientConfig",
                                           "value": {"url": f"https://127.0.0.1:{port}/inject"}}], "application/json-patch+json")
    cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    eventually(lambda: bundle(cluster), what="the operator wrote no caBundle")
    yield cluster
    cluster.kubectl("delete", "mutatingwebhookconfiguration", "sidestep-operator")
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(TOP / "manifests/base"))


def make(api, body):
    """The pod as stored; tries again while the API server has not seen the newest configuration."""
    def attempt():
        try:
            return api.call("POST", PODS + "?dryRun=All", body)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            assert "failed calling webhook" in text, text
    return eventually(attempt, what="the webhook cannot be called")


def refused(api, body) -> str:
    with pytest.raises(urllib.error.HTTPError) as error:
        api.call("POST", PODS + "?dryRun=All", body)
    return json.loads(error.value.read())["message"]


def test_labelled_pods_get_the_sidecar_and_the_certificate_follows_its_secret(hooked):
    made = make(hooked, pod("a"))
    sidecar = made["spec"]["initContainers"][0]
    assert (sidecar["name"], sidecar["image"], sidecar["restartPolicy"]) == ("sidestep", "sidecar:7", "Always")
    assert made["spec"]["containers"][0]["command"] == ["/sidestep/sidestep-launch", "--", "/bin/web"]
    assert "initContainers" not in make(hooked, pod("b", labels={}))["spec"]

    said = refused(hooked, pod("c", command=None))
    assert "Pod/c: spec.containers[web].command: absent" in said and "add command: [PROGRAM" in said

    hooked.call("POST", f"{GROUP}/namespaces/{NAMESPACE}/reloadpolicies", {
        "apiVersion": "sidestep.dev/v1alpha1", "kind": "ReloadPolicy", "metadata": {"name": "web"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "exposeGeneration": True}})
    of_deployment = pod("d", labels={"sidestep.dev/inject": "true", "pod-template-hash": "77"})
    of_deployment["metadata"]["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-77", "uid": "1",
                                                     "controller": True}]

    def follows_policy():
        env = {each["name"]: each.get("value") for each in make(hooked, of_deployment)["spec"]["initContainers"][0]["env"]}
        return json.loads(env["SIDESTEP_POLICY"]).get("exposeGeneration")
    eventually(follows_policy, what="the policy of the Deployment is not used")

    # A burst from one address, and still there is room for another call. 64 were too few.
    burst = [socket.create_connection(("127.0.0.1", hooked.webhook_port), timeout=10) for _ in range(180)]
    last = trusting_all().wrap_socket(burst.pop())
    for each in (last, *burst):
        each.close()

    # From the loss of the Secret until the lost authority is trusted no longer, no call fails.
    before = bundle(hooked)
    hooked.call("DELETE", SECRET)

    def has_followed():
        assert hooked.call("POST", PODS + "?dryRun=All", pod("e"))["spec"]["initContainers"][0]["name"] == "sidestep"
        now = base64.b64decode(bundle(hooked)).decode()
        return now.count("BEGIN") == 1 and now != base64.b64decode(before).decode()
    eventually(has_followed, what="no new authority after the Secret was lost")
    assert make(hooked, pod("f"))["spec"]["initContainers"][0]["name"] == "sidestep"
    pages = f"http://127.0.0.1:{hooked.operator.health_port()}"
    assert 'controller_runtime_webhook_requests_total{webhook="/inject",code="200"}' in urllib.request.urlopen(f"{pages}/metrics", timeout=5).read().decode()
    assert "a right is missing" not in hooked.operator.log.read_text()
    # Whoever owns the configuration keeps every field but the one that the operator writes.
    fields = hooked.call("GET", CONFIGURATION)
    assert fields["webhooks"][0]["failurePolicy"] == "Fail" and fields["webhooks"][0]["objectSelector"]["matchLabels"]
