"""The chart by a real Helm on a real API server: it makes what manifests/base makes, in a namespace alone too, and leaves the definitions."""
import contextlib
import json
import re
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import yaml

import api_server
from conftest import TOP
from fleet import GROUP, Operator, eventually

CHART = TOP / "manifests/helm/sidestep"


@pytest.fixture(scope="session")
def helm_program() -> str:
    """Built from its Go module the first time."""
    done = subprocess.run([TOP / "tests/tools/helm.sh"], capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def template(helm_program):
    def render(*flags: str, namespace: str = "sidestep-system") -> list[dict]:
        done = subprocess.run([helm_program, "template", "sidestep", CHART, "-n", namespace, "--kube-version=1.34.0", *flags],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [each for each in yaml.safe_load_all(done.stdout) if each]
    return render


def by_name(objects: list[dict]) -> dict:
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def kinds(objects: list[dict]) -> set[str]:
    return {each["kind"] for each in objects}


def test_lint_has_nothing_to_say(helm_program):
    done = subprocess.run([helm_program, "lint", "--strict", CHART], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "WARNING" not in done.stdout, done.stdout


def test_with_no_value_changed_the_chart_makes_what_the_base_holds(template):
    done = subprocess.run([api_server.PROGRAMS / "kubectl", "kustomize", TOP / "manifests/base"], capture_output=True, text=True, timeout=60)
    base = by_name([each for each in yaml.safe_load_all(done.stdout) if each])
    base.pop(("Namespace", "sidestep-system"))
    made = by_name(template("--no-hooks"))
    for crd in [each for each in made.values() if each["kind"] == "CustomResourceDefinition"]:
        assert crd["metadata"]["annotations"].pop("helm.sh/resource-policy") == "keep"
        if not crd["metadata"]["annotations"]:
            del crd["metadata"]["annotations"]
    container = base["Deployment", "sidestep-operator"]["spec"]["template"]["spec"]["containers"][0]
    version = re.search(r"project\(sidestep VERSION (\S+)", (TOP / "CMakeLists.txt").read_text()).group(1)
    assert container["image"] == f"sidestep.dev/operator:{version}"
    assert made.keys() == base.keys()
    for name, wanted in base.items():
        assert made[name] == wanted, name


def test_one_file_holds_everything_and_the_api_server_takes_it(cluster):
    done = subprocess.run(["make", "-C", TOP, "install-yaml", f"KUBECTL={api_server.PROGRAMS}/kubectl"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    done = cluster.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", str(TOP / "build/install.yaml"))
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr


def test_a_namespace_alone_needs_no_cluster_roles(template):
    made = template("--set=namespaced=true,crds.install=false", namespace="team")
    assert kinds(made) == {"ServiceAccount", "Role", "RoleBinding", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "Job"}
    assert {each["metadata"]["namespace"] for each in made} == {"team"}
    command = by_name(made)["Deployment", "sidestep-operator"]["spec"]["template"]["spec"]["containers"][0]["command"]
    assert "--watch-namespace=team" in command and not any("webhook" in word for word in command)


def test_an_operator_of_one_namespace_works_with_its_roles_alone(template, cluster, programs, tmp_path):
    cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    made = [each for each in template("--set=namespaced=true,crds.install=false", "--no-hooks", namespace="team") if each["kind"] != "Deployment"]
    done = cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(made))
    assert done.returncode == 0, done.stderr
    path = "/api/v1/namespaces/team/serviceaccounts/sidestep-operator/token"
    token = cluster.call("POST", path, {"spec": {"expirationSeconds": 7200}})["status"]["token"]
    kubeconfig = cluster.write_kubeconfig(tmp_path / "team", token)
    operator = Operator(programs / "bin/sidestep-operator", kubeconfig, tmp_path, "--namespace=team", "--watch-namespace=team")
    try:
        policy = {"apiVersion": "sidestep.dev/v1alpha1", "kind": "ReloadPolicy", "metadata": {"name": "p"},
                  "spec": {"selector": {"matchLabels": {"a": "b"}}}}
        for namespace in ("team", "default"):
            cluster.call("POST", f"{GROUP}/namespaces/{namespace}/reloadpolicies", policy)
        home = f"{GROUP}/namespaces/team/reloadpolicies/p"
        eventually(lambda: cluster.call("GET", home).get("status", {}).get("observedGeneration") == 1, what="the policy was not visited")
        assert "status" not in cluster.call("GET", f"{GROUP}/namespaces/default/reloadpolicies/p")

        def is_ready():
            with contextlib.suppress(urllib.error.URLError):
                return urllib.request.urlopen(f"http://127.0.0.1:{operator.health_port()}/readyz", timeout=5).read() == b"ok\n"
        eventually(is_ready, what="a right is missing")
    finally:
        operator.stop()
        cluster.kubectl("delete", "reloadpolicy", "p", "-n", "default")
        cluster.kubectl("delete", "namespace", "team", "--wait=false")


PAUSED = {"steps": [{"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 3600}, {"pods": "100%"}]}


def finalizers(shop) -> list:
    return [f for each in [shop.policy(), *shop.reloads()] for f in each["metadata"].get("finalizers", [])]


@pytest.mark.parametrize("with_operator", [True, False])
def test_the_charts_hook_ends_what_runs_and_leaves_nothing_that_waits(template, start, fleet, programs, cluster, tmp_path, with_operator):
    """The Job's own command with the Job's own rights; the Job itself is admitted in the operator's namespace."""
    hook = by_name([each for each in template() if "helm.sh/hook" in each["metadata"].get("annotations", {})])
    job = hook.pop(("Job", "sidestep-uninstall"))
    pod = {"metadata": {"name": "probe"}, "spec": job["spec"]["template"]["spec"]}
    cluster.call("POST", "/api/v1/namespaces/sidestep-system/pods?dryRun=All", pod)
    done = cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(hook.values()))
    assert done.returncode == 0, done.stderr
    path = "/api/v1/namespaces/sidestep-system/serviceaccounts/sidestep-uninstall/token"
    token = cluster.call("POST", path, {"spec": {"expirationSeconds": 7200}})["status"]["token"]
    kubeconfig = cluster.write_kubeconfig(tmp_path / "uninstall", token)
    operator = start()
    shop = fleet(count=1, rollout=PAUSED).fill(checks=False)
    shop.annotate("t")
    eventually(lambda: len(finalizers(shop)) == 2, what="the reload does not run")
    if not with_operator:
        operator.stop()
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[0] == "kubectl-sidestep"
    words = [word if with_operator else word.replace("--timeout=60s", "--timeout=2s") for word in command[1:]]
    began = time.monotonic()
    done = subprocess.run([programs / "bin/kubectl-sidestep", *words, f"--kubeconfig={kubeconfig}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and time.monotonic() - began < 30, done.stderr
    assert finalizers(shop) == []
    assert cluster.kubectl("get", "mutatingwebhookconfiguration", "sidestep-operator").returncode != 0
    if with_operator:
        assert (shop.ended("t")["status"]["phase"], {s.generation for s in shop.sidecars.values()}) == ("Aborted", {1})
        assert "0 finalizers were removed" in done.stdout, done.stdout
    cluster.install()


def test_every_value_is_explained_and_does_something(template):
    text = (CHART / "values.yaml").read_text()
    lines = text.splitlines()
    for number, line in enumerate(lines):
        is_group = re.fullmatch(r"\w+:", line) and line != "resources:"
        if re.match(r" *\w+:", line) and not is_group and not line.startswith(("  requests", "  limits")):
            assert lines[number - 1].lstrip().startswith("#"), f"no comment above: {line}"
    used = "".join(path.read_text() for path in (CHART / "templates").iterdir())

    def paths(value, prefix=".Values"):
        if isinstance(value, dict) and value and prefix != ".Values.resources":
            return [path for key, inner in value.items() for path in paths(inner, f"{prefix}.{key}")]
        return [prefix]
    assert [path for path in paths(yaml.safe_load(text)) if path not in used] == []


def test_tokens_and_authorities_of_analysis_are_mounted_and_named_by_flags(template):
    made = by_name(template(
        "--set=analysis.tokens[0].address=https://p/a,analysis.tokens[0].secret.name=s", "--set=analysis.tokens[1].address=https://q",
        "--set=analysis.tokens[1].secret.name=s,analysis.tokens[1].secret.key=other,analysis.caConfigMap.name=authorities"))
    pod = made["Deployment", "sidestep-operator"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    folder = "/etc/sidestep/analysis"
    assert {f"--analysis-token-file=https://p/a={folder}/token-0/token", f"--analysis-token-file=https://q={folder}/token-1/token",
            f"--analysis-ca-file={folder}/ca/ca.crt"} <= set(container["command"])
    assert {m["name"]: m["mountPath"] for m in container["volumeMounts"]} == {
        "analysis-token-0": f"{folder}/token-0", "analysis-token-1": f"{folder}/token-1", "analysis-ca": f"{folder}/ca"}
    assert pod["volumes"] == [
        {"name": "analysis-token-0", "secret": {"secretName": "s", "items": [{"key": "token", "path": "token"}]}},
        {"name": "analysis-token-1", "secret": {"secretName": "s", "items": [{"key": "other", "path": "token"}]}},
        {"name": "analysis-ca", "configMap": {"name": "authorities", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]


def test_values_reach_their_fields(template):
    made = by_name(template(
        "--set=image.repository=r/o,image.tag=t,image.pullPolicy=Always,sidecar.image=s:1,replicas=3,log.level=debug,extraArgs={--workers=2}",
        "--set=analysis.allow={http://p:9090}",
        "--set=podAnnotations.a=b,nodeSelector.disk=ssd,terminationGracePeriodSeconds=9,webhook.failurePolicy=Ignore",
        "--set=webhook.excludedNamespaces={x},imagePullSecrets[0].name=p,tolerations[0].operator=Exists,resources.limits.memory=1Gi"))
    spec = made["Deployment", "sidestep-operator"]["spec"]
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    assert (spec["replicas"], container["image"], container["imagePullPolicy"]) == (3, "r/o:t", "Always")
    assert {"--log-level=debug", "--sidecar-image=s:1", "--workers=2", "--analysis-allow=http://p:9090"} <= set(container["command"])
    assert spec["template"]["metadata"]["annotations"] == {"a": "b"} and pod["nodeSelector"] == {"disk": "ssd"}
    assert (pod["terminationGracePeriodSeconds"], pod["imagePullSecrets"]) == (9, [{"name": "p"}])
    assert pod["tolerations"] == [{"operator": "Exists"}] and container["resources"]["limits"]["memory"] == "1Gi"
    webhook = made["MutatingWebhookConfiguration", "sidestep-operator"]["webhooks"][0]
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["namespaceSelector"]["matchExpressions"][0]["values"] == ["kube-system", "sidestep-system", "x"]


def test_it_installs_upgrades_and_leaves_definitions_and_policies_behind(helm_program):
    server = api_server.ApiServer()
    try:
        server.start()

        def helm(*words):
            done = subprocess.run([helm_program, *words, "-n", "sidestep-system", f"--kubeconfig={server.kubeconfig}"],
                                  capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr
            return done.stdout
        helm("install", "sidestep", str(CHART), "--create-namespace")
        policy = {"apiVersion": "sidestep.dev/v1alpha1", "kind": "ReloadPolicy", "metadata": {"name": "p"},
                  "spec": {"selector": {"matchLabels": {"a": "b"}}}}
        give_up = time.monotonic() + 30
        while server.kubectl("create", "-f", "-", input=json.dumps(policy)).returncode != 0:
            assert time.monotonic() < give_up, "the definitions are not served"
            time.sleep(0.1)
        helm("upgrade", "sidestep", str(CHART), "--set=replicas=3")
        found = server.call("GET", "/apis/apps/v1/namespaces/sidestep-system/deployments/sidestep-operator")
        assert found["spec"]["replicas"] == 3
        # Nobody runs its Job here.
        assert "kept due to the resource policy" in helm("uninstall", "sidestep", "--no-hooks")
        assert server.kubectl("get", "reloadpolicy", "p").returncode == 0
        assert server.kubectl("get", "mutatingwebhookconfiguration", "sidestep-operator").returncode != 0
    finally:
        server.stop()
