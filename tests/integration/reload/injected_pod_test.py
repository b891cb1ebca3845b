"""A plain Deployment that `kubectl sidestep inject` has changed, run as its containers would be: it serves on the port that it had,
and reloads under load. What a kubelet would mount and where stands in one place below."""
import json
import subprocess

import pytest
import yaml
from conftest import APP, BINS, Service, eventually, free_port
from pod_test import APP_USER, PROXY_USER, SANITIZERS, Pod, pod  # noqa: F401  (the fixture that ends pods)


def plain_deployment(port: int, control_port: int, program) -> dict:
    container = {"name": "web", "image": "web", "command": ["/usr/bin/python3", str(program)], "args": ["--name=one", "--port", str(port)],
                 "env": [{"name": "PUBLIC_ADDR", "value": f"127.0.0.1:{port}"}], "ports": [{"name": "http", "containerPort": port}],
                 "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}}, "livenessProbe": {"httpGet": {"path": "/", "port": port}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"metadata": {"labels": {"sidestep.dev/inject": "true"}, "annotations": {
                "sidestep.dev/control-port": str(control_port)}}, "spec": {"containers": [container]}}}}


class InjectedPod(Pod):
    def start_sidecar(self):
        done = subprocess.run([BINS / "kubectl-sidestep", "inject", "-f", "-"], text=True, capture_output=True, timeout=20,
                              input=json.dumps(plain_deployment(self.port, self.control_port, self.image / APP.name)))
        assert done.returncode == 0, done.stderr
        spec = yaml.safe_load(done.stdout)["spec"]["template"]["spec"]
        self.sidecar, self.app = spec["initContainers"][-1], spec["containers"][0]
        mounts = {mount["mountPath"] for mount in self.sidecar["volumeMounts"]}
        assert {"/sidestep", "/var/lib/sidestep"} <= mounts and "livenessProbe" not in self.app
        environment = {**SANITIZERS, "PATH": "/usr/bin", "SIDESTEP_RUN_DIR": str(self.volume), "SIDESTEP_STATE_DIR": str(self.state),
                       **{each["name"]: each.get("value", "pod-1") for each in self.sidecar["env"]}}
        program, *words = self.sidecar["command"]
        self.process = subprocess.Popen([self.image / program, *words], env=environment, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True, **self.user(PROXY_USER))

    def start_app(self, name, *flags):
        environment = {**SANITIZERS, "PATH": "/usr/bin", "SIDESTEP_RUN_DIR": str(self.volume), "SIDESTEP_CONFIG_DIR": str(self.configs),
                       **{each["name"]: each["value"] for each in self.app["env"]}}
        launcher, *words = self.app["command"] + self.app["args"]
        assert launcher == "/sidestep/sidestep-launch"
        self.launcher = subprocess.Popen([self.launcher_program, *words], env=environment, stdin=subprocess.DEVNULL, stdout=self.log,
                                         stderr=self.log, start_new_session=True, **self.user(APP_USER))


@pytest.fixture
def injected(pod, monkeypatch):  # noqa: F811
    monkeypatch.setitem(pod.__globals__, "Pod", InjectedPod)
    return pod


def test_an_injected_deployment_serves_on_its_port_and_reloads_under_load(injected, traffic):
    p = injected()
    clients = traffic(p)
    before = p.get("/pid")[1]
    p.reload()
    clients.stop()
    assert clients.bad == [] and p.get("/pid")[1] != before
    told = p.get("/env/PUBLIC_ADDR")[1]
    assert told.startswith("127.0.0.1:") and told.removeprefix("127.0.0.1:") == p.get("/env/PORT")[1] != str(p.port)
