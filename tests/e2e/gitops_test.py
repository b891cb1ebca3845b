"""GitOps: manifests that `kubectl sidestep inject` has written, a single replica of them."""
import time

import pytest
from harness import plain
from harness.load import EVERYDAY, Load
from harness.shop import Shop

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
