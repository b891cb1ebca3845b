"""Reloads of a single pod, by its annotation and by the command line, on a real API server."""
import subprocess
import time

from fleet import eventually


def touched(shop) -> list[str]:
    return [name for name, sidecar in shop.sidecars.items() if sidecar.told("/v1/reload")]


def test_token_on_a_pod_reloads_that_pod_alone_and_once(start, fleet):
    first = start()
    shop = fleet().fill()
    pod = sorted(shop.sidecars)[1]
    shop.annotate("t1", f"pod/{pod}")
    reload = shop.ended("t1")
    assert reload["status"]["phase"] == "Succeeded", reload["status"]
    assert reload["spec"]["podName"] == pod and reload["status"]["pods"]["desired"] == 1
    assert touched(shop) == [pod]
    path = f"/api/v1/namespaces/{shop.namespace}/pods/{pod}"
    mark = "sidestep.dev/handled-reload"
    eventually(lambda: shop.api.call("GET", path)["metadata"]["annotations"].get(mark) == "t1", what="the pod is not marked")
    shop.api.call("DELETE", f"{shop.home}/reloads/{reload['metadata']['name']}")
    assert first.stop() == 0
    second = start()
    eventually(second.leads, what="nobody leads")
    time.sleep(1)
    assert shop.reloads() == [], "a token that was dealt with came back"


def test_command_line_reloads_one_pod_and_refuses_a_stranger(start, fleet, programs):
    start()
    shop = fleet().fill()
    pod = sorted(shop.sidecars)[0]

    def reload(name: str):
        return subprocess.run([programs / "bin/kubectl-sidestep", "reload", "shop", "--pod", name, "-n", shop.namespace,
                               f"--kubeconfig={shop.api.kubeconfig}", "--timeout=60s"], capture_output=True, text=True, timeout=90)
    done = reload(pod)
    assert done.returncode == 0, done.stdout + done.stderr
    assert touched(shop) == [pod]
    done = reload("stranger")
    assert done.returncode == 1 and "stranger is none of the policy's pods" in done.stdout, done.stdout + done.stderr
    assert touched(shop) == [pod]
