"""GitOps: manifests that `kubectl sidestep inject` has written, a single replica of them, and the operator uninstalled in the
documented order at the end. The file comes last, since no other test can follow it."""
import subprocess
import time

import pytest
from harness import plain
from harness.documented import commands
from harness.load import EVERYDAY, Load
from harness.operator import NAMESPACE, SELECTOR
from harness.shop import Shop
from harness.waiting import eventually

UNINSTALL = f"helm uninstall sidestep -n {NAMESPACE}"
SECONDS = 60  # within which each documented step has to end
TOLD = {"http": {"timeoutSeconds": 5}, "webSocket": {"policy": "CloseWith", "closeCode": 1012, "timeoutSeconds": 5}}


@pytest.fixture(scope="module")
def person(shared_kubectl, reader):
    return reader(shared_kubectl.namespace)


@pytest.fixture(scope="module")
def shop(cluster, images, operator, shared_kubectl, person) -> Shop:
    """One replica, written with its sidecar by `kubectl sidestep inject`: no webhook is asked."""
    load = Load(cluster, shared_kubectl)
    shop = Shop(cluster, shared_kubectl, load.orders_log())
    policy = plain.policy("shop", drain=TOLD)
    del policy["spec"]["triggers"]
    text = plain.as_text(*plain.documents("shop", shop.orders_log), policy)
    person.types("kubectl sidestep inject -f - | kubectl apply -f -", answer=text)
    template = shared_kubectl.get("deployment", "shop")["spec"]["template"]["spec"]
    assert [each["name"] for each in template["initContainers"]] == ["sidestep"]
    shop.pods.wait_ready(1)
    return shop


def test_a_single_replica_written_for_gitops_reloads_under_load(shop, cluster, shared_kubectl, person):
    before = shop.pods.identities()
    load = Load(cluster, shared_kubectl)
    load.begin(shop.address(), EVERYDAY)
    time.sleep(2)
    shop.configure(version="2")
    person.types("kubectl sidestep reload shop --timeout=60s")
    moved = time.time()
    time.sleep(2)
    report = load.finish()
    report.assert_nothing_lost()
    assert report.share("2", since=moved + 1) == 1
    assert report.verdict["streamsTold"] >= 1
    assert shop.pods.identities() == before


def test_uninstalled_as_documented_nothing_hangs_and_injected_pods_go_on_serving(shop, cluster, shared_kubectl, operator, person):
    others = "kubectl get reloadpolicies -A --no-headers -o custom-columns=:metadata.namespace"
    eventually("the end of the other tests' policies", lambda: set(person.types(others).split()) == {shared_kubectl.namespace}, 120)
    document = (plain.TOP / "docs/uninstall.md").read_text()
    end_what_runs = commands("docs/uninstall.md", "# Uninstalling the operator")[0]
    assert UNINSTALL in document and "delete reloads" in end_what_runs
    load = Load(cluster, shared_kubectl)
    load.begin(shop.address(), EVERYDAY)
    shop.set_steps({"pods": 1, "weightPerTenThousand": 5000, "pauseSeconds": 600}, {"pods": 1, "weightPerTenThousand": 10000})
    (before,) = shop.generations()
    shop.configure(version="3")
    person.types("kubectl sidestep reload shop --no-wait --token=last")
    shop.wait_until("last", "is at its first step", lambda run: run.has_reached(1))
    identities = shop.pods.identities()

    person.types(end_what_runs, SECONDS)
    (status,) = shop.statuses().values()
    assert status["candidate"] is None and status["active"]["generation"] == before
    person.types(UNINSTALL, SECONDS)
    shared_kubectl("--namespace", NAMESPACE, "wait", "pod", "-l", SELECTOR, "--for=delete", f"--timeout={SECONDS}s")
    taken_back = time.time()
    time.sleep(2)
    report = load.finish()
    report.assert_nothing_lost()
    assert report.share("2", since=taken_back) == 1
    assert shop.pods.identities() == identities
    assert shared_kubectl.find("reloadpolicy", "shop"), "definitions and policies stay"

    shared_kubectl("delete", "namespace", shared_kubectl.namespace, f"--timeout={SECONDS}s", seconds=SECONDS + 10)
    left = subprocess.run(["kubectl", "get", "mutatingwebhookconfigurations,validatingadmissionpolicies", "-o", "name"],
                          capture_output=True, text=True, check=True).stdout
    assert "sidestep" not in left
