"""A newcomer's way: the README's own commands, as they stand there, on a plain Deployment. Nothing is lost on it."""
import time

import yaml
from harness import plain
from harness.documented import commands
from harness.load import EVERYDAY
from harness.operator import IN_KUBERNETES

# WebSockets stay with their generation by default, and the verdict would wait for them for half a minute.
REQUESTS = [each for each in EVERYDAY if each["kind"] != "ws"]


def test_the_readmes_commands_onboard_a_plain_deployment_and_a_changed_configmap_loses_nothing(shop, load, kubectl, reader, tmp_path):
    manifest = tmp_path / "kubernetes.yaml"  # the same, with the place where orders are recorded
    manifest.write_text(plain.as_text(*plain.documents("shop", shop.orders_log, replicas=3, is_labelled=False)))
    onboard, change = commands("README.md", IN_KUBERNETES)
    onboard = onboard.replace("examples/shop/kubernetes.yaml", str(manifest))
    onboard = "".join(line for line in onboard.splitlines(keepends=True) if not line.startswith("helm "))  # the operator of this run
    assert "sidestep.dev/inject" not in manifest.read_text() and str(manifest) in onboard
    person = reader(kubectl.namespace)

    person.types(onboard)
    pods = shop.pods.wait_ready(3)
    assert all(plain.is_injected(pod) for pod in pods)
    assert "initContainers" not in kubectl.get("deployment", "shop")["spec"]["template"]["spec"]
    shop.wait_adopted()
    before = shop.pods.identities()
    load.begin(shop.address(), REQUESTS)
    time.sleep(2)
    configure, watch = change.splitlines()
    person.types(configure)
    run = shop.next_run()
    moved = time.time()
    time.sleep(2)
    report = load.finish()

    assert run.succeeded, run
    report.assert_nothing_lost()
    assert report.share("2", since=moved + 1) == 1
    assert set(shop.generations()) == {2}
    assert shop.pods.identities() == before, "a reload replaces processes, never pods or containers"
    seen = person.types(f"timeout --signal=INT 2 {watch} || true")
    assert run.name in seen and "Succeeded" in seen, seen


def test_the_plain_manifest_is_the_readmes_and_lint_finds_nothing_in_it(reader):
    """What the README prints is complete: policy and template together pass `kubectl sidestep lint`."""
    onboard, _ = commands("README.md", IN_KUBERNETES)
    policy = onboard.split("<<'END'\n")[1].split("END\n")[0]
    assert yaml.safe_load(policy)["kind"] == "ReloadPolicy"
    person = reader("default")
    text = plain.PLAIN.read_text().replace("labels: {app: shop}}", 'labels: {app: shop, sidestep.dev/inject: "true"}}')
    person.types("kubectl sidestep lint -", answer=f"{text}\n---\n{policy}")
