"""Injected manifests on a real API server: it takes every kind, and the restricted Pod Security profile admits the pods."""
import subprocess

import pytest

from conftest import TOP

GOLDEN = sorted((TOP / "tests/lib/policy/inject").glob("*.in.yaml"))

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop, sidestep.dev/inject: "true"}}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: shop
        image: shop
        command: [/bin/shop]
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: http}}
        securityContext: {runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""


def inject(programs, text: str, *flags: str) -> subprocess.CompletedProcess:
    return subprocess.run([programs / "bin/kubectl-sidestep", "inject", "-f", "-", *flags], input=text, text=True,
                          capture_output=True, timeout=20)


@pytest.fixture(scope="module")
def restricted(cluster):
    name = "restricted"
    cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": name}}})
    return name


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_every_injected_kind_is_taken_by_the_api_server(cluster, path):
    made = path.with_name(path.name.replace(".in.", ".out.")).read_text()
    done = cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=made)
    assert done.returncode == 0, done.stderr


def test_the_restricted_profile_admits_an_injected_pod_and_warns_of_nothing(cluster, programs, restricted):
    made = inject(programs, DEPLOYMENT)
    assert made.returncode == 0, made.stderr
    done = cluster.kubectl("create", "-n", restricted, "--dry-run=server", "--validate=strict", "-f", "-", input=made.stdout)
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr


def test_a_mistake_is_named_with_exit_2_and_nothing_is_printed(programs):
    done = inject(programs, "a: 1\n---\n" + DEPLOYMENT.replace("        command: [/bin/shop]\n", ""))
    assert done.returncode == 2 and done.stdout == ""
    assert "stdin:14: Deployment/shop: spec.template.spec.containers[shop].command: absent: " in done.stderr
    assert "add command: [PROGRAM, ARG" in done.stderr


def test_what_is_not_labelled_passes_as_it_was_and_all_takes_it(programs):
    plain = DEPLOYMENT.replace(', sidestep.dev/inject: "true"', "")
    assert inject(programs, plain).stdout == plain
    assert "name: sidestep-state" in inject(programs, plain, "--all", "--image=my/sidecar:2").stdout
