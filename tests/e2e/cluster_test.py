"""Proves the cluster and the harness themselves, with placeholder pods: what the scenarios rely on works here."""
import os
import subprocess

import pytest
from harness.cluster import SCRIPTS
from harness.kubectl import KubectlFailed
from harness.pods import Pods
from harness.waiting import NotInTime, eventually

RESTRICTED = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
              "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
UNTIL_TERM = "trap 'echo terminated; exit 0' TERM; while :; do sleep 1 & wait $!; done"


def container(name: str, script: str, user: int = 1000, **more) -> dict:
    return {"name": name, "image": "lab.local/busybox:1", "command": ["sh", "-c", script],
            "securityContext": {**RESTRICTED, "runAsUser": user}, **more}


def workload(replicas: int = 1) -> dict:
    """A web server on files from a ConfigMap, behind a native sidecar with a preStop hook; they share a volume."""
    shared = {"name": "shared", "mountPath": "/shared"}
    sidecar = container("sidecar", UNTIL_TERM, user=65532, restartPolicy="Always", volumeMounts=[shared], lifecycle={
        "postStart": {"exec": {"command": ["sh", "-c", "echo sidecar-first > /shared/order"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo pre-stop > /proc/1/fd/1; sleep 1"]}}})
    web = container("web", "cat /shared/order; httpd -f -p 8080 -h /config & " + UNTIL_TERM,
                    readinessProbe={"httpGet": {"path": "/greeting", "port": 8080}, "periodSeconds": 1},
                    volumeMounts=[shared, {"name": "config", "mountPath": "/config"}])
    volumes = [{"name": "shared", "emptyDir": {}}, {"name": "config", "configMap": {"name": "web"}}]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
            "terminationGracePeriodSeconds": 5, "initContainers": [sidecar], "containers": [web], "volumes": volumes}}}}


SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
           "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}


def fetch(address: str) -> str:
    return subprocess.run(["curl", "-sf", "-m", "3", f"http://{address}"], capture_output=True, text=True, check=False).stdout


@pytest.fixture
def web(cluster, kubectl) -> Pods:
    kubectl.set_config("web", {"greeting": "one"})
    kubectl.apply(workload(), SERVICE)
    pods = Pods(cluster, kubectl, "app=web")
    pods.wait_ready(1)
    return pods


def test_a_service_is_reached_from_the_machine_and_the_sidecar_started_first(web, kubectl):
    address = kubectl.get("service", "web")["spec"]["clusterIP"]
    assert eventually("an answer of the service", lambda: fetch(f"{address}/greeting")).strip() == "one"
    assert "sidecar-first" in kubectl("logs", web.names()[0], "-c", "web")


def test_an_annotated_pod_sees_a_changed_config_map_within_seconds_and_stays_the_same_pod(web, kubectl):
    before = web.identities()
    kubectl.set_config("web", {"greeting": "two"})
    kubectl.annotate(f"pod/{web.names()[0]}", refresh="1")
    eventually("the new content", lambda: fetch(f"{before[0].ip}:8080/greeting").strip() == "two", seconds=5)
    assert web.identities() == before


def test_a_killed_container_is_restarted_and_counted_and_the_others_are_not(web):
    pod, before = web.names()[0], web.identities()[0]
    web.kill(pod, "web")
    eventually("a restart", lambda: web.restarts(pod, "web") == 1)
    after = web.identities()[0]
    assert (after.uid, after.ip) == (before.uid, before.ip)
    assert dict(after.restarts) == {"sidecar": 0, "web": 1}


def test_a_killed_child_leaves_its_container_alone(web):
    pod = web.names()[0]
    web.kill_child(pod, "sidecar")
    assert web.restarts(pod, "sidecar") == 0
    assert web.processes(pod, "sidecar")[0][0] == "sh"


def test_a_deleted_pod_runs_the_sidecars_pre_stop_hook(web, kubectl):
    pod = web.names()[0]
    follow = subprocess.Popen(["kubectl", "--namespace", kubectl.namespace, "logs", "-f", pod, "-c", "sidecar"],
                              stdout=subprocess.PIPE, text=True)
    kubectl("delete", "pod", pod)
    assert follow.communicate(timeout=10)[0].split() == ["pre-stop", "terminated"]


def test_a_pod_that_is_not_restricted_is_refused(kubectl):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"},
           "spec": {"containers": [{"name": "root", "image": "lab.local/busybox:1"}]}}
    with pytest.raises(KubectlFailed, match="violates PodSecurity"):
        kubectl.apply(pod)


def test_waiting_in_vain_names_what_was_seen_last():
    with pytest.raises(NotInTime, match="a miracle: not within 0 s; last seen: {'answer': 0}"):
        eventually("a miracle", lambda: _raise_assertion({"answer": 0}), seconds=0)


def _raise_assertion(seen: dict) -> bool:
    raise AssertionError(seen)


def test_the_scripts_are_idempotent(cluster):
    assert "is up already" in subprocess.run([SCRIPTS / "up.sh"], capture_output=True, text=True, check=True).stdout


def test_a_second_cluster_stands_beside_the_first_and_leaves_nothing_behind(cluster):
    second = {**os.environ, "CLUSTER_SLOT": "1", "CONTROL_PLANE_ONLY": "1"}
    second.pop("KUBECONFIG", None)
    subprocess.run([SCRIPTS / "up.sh"], env=second, check=True, capture_output=True, timeout=120)
    try:
        seen = subprocess.run(["bash", "-c", f". {SCRIPTS}/settings.sh && kubectl get nodes 2>&1"], env=second, text=True,
                              capture_output=True, check=True).stdout
    finally:
        subprocess.run([SCRIPTS / "down.sh"], env=second, check=True, timeout=60)  # exits 1 when it finds anything left
    assert "No resources found" in seen
    assert cluster.is_up()
