"""A real etcd and kube-apiserver on loopback: no node, no controllers, no root. Starts in about four seconds."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import ssl
from pathlib import Path

from processes import free_port

TOKEN = "integration-admin-token"
TOP = Path(__file__).resolve().parents[3]
PROGRAMS = Path(os.environ.get("SIDESTEP_KUBE_BIN", Path.home() / ".cache/sidestep/kube/bin"))


def missing() -> str:
    """What is needed and not there; empty when all is there."""
    for program in (PROGRAMS / "kube-apiserver", PROGRAMS / "kubectl"):
        if not program.exists():
            return f"{program} is not built; run tests/e2e/cluster/tools"
    return "" if shutil.which("etcd") else "etcd is not installed; apt-get install etcd-server"


class ApiServer:
    """One control plane in a folder of its own. `extra` flags go to kube-apiserver."""

    def __init__(self, extra: tuple[str, ...] = ()):
        self.folder = Path(tempfile.mkdtemp(prefix="sidestep-api-"))
        self.extra = extra
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.kubeconfig = self.folder / "kubeconfig"
        self._etcd = f"http://127.0.0.1:{free_port()}"
        self._processes: list[subprocess.Popen] = []

    def start(self) -> "ApiServer":
        etcd = self._etcd
        peer = f"http://127.0.0.1:{free_port()}"
        self._spawn("etcd", "etcd", "--data-dir", str(self.folder / "etcd"), "--unsafe-no-fsync",
                    "--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", peer,
                    "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}")
        key = self.folder / "sa.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        (self.folder / "tokens").write_text(f"{TOKEN},admin,admin,system:masters\n")
        self._start_api(etcd, key)
        self._wait_until_ready()
        return self

    def restart_api(self) -> None:
        """A new kube-apiserver over the same etcd: its watch caches begin now, so older versions are gone."""
        self.api.kill()  # an orderly end waits for open watches, for up to a minute
        self.api.wait(20)
        self._processes.remove(self.api)
        self._start_api(self._etcd, self.folder / "sa.key")
        self._wait_until_ready()

    def _start_api(self, etcd: str, key: Path) -> None:
        self.api = self._spawn(
            "apiserver", str(PROGRAMS / "kube-apiserver"), f"--etcd-servers={etcd}", "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", f"--secure-port={self.port}", f"--cert-dir={self.folder}/certs",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            f"--service-account-issuer={self.url}", f"--token-auth-file={self.folder}/tokens",
            "--authorization-mode=RBAC", "--endpoint-reconciler-type=none", "--service-cluster-ip-range=198.18.250.0/24",
            "--disable-admission-plugins=ServiceAccount", "--allow-privileged=true", *self.extra)

    def _spawn(self, name: str, *command: str) -> subprocess.Popen:
        log = open(self.folder / f"{name}.log", "wb")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def _wait_until_ready(self, seconds: float = 60) -> None:
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            try:
                self._write_kubeconfig()
                self.call("GET", "/readyz", raw=True)
                self.call("GET", "/api/v1/namespaces/default")
                return
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        raise RuntimeError("kube-apiserver is not ready: " + (self.folder / "apiserver.log").read_text()[-2000:])

    def _write_kubeconfig(self) -> None:
        self.ca = (self.folder / "certs/apiserver.crt").read_text()
        self.write_kubeconfig(self.kubeconfig, TOKEN)

    def write_kubeconfig(self, path: Path, token: str, server: str = "") -> Path:
        """A kubeconfig for somebody with this token, perhaps through another address."""
        ca = base64.b64encode(self.ca.encode()).decode()
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "test",
                  "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
                  "clusters": [{"name": "test", "cluster": {"server": server or self.url, "certificate-authority-data": ca}}],
                  "users": [{"name": "test", "user": {"token": token}}]}
        path.write_text(json.dumps(config))
        return path

    def call(self, method: str, path: str, body=None, content_type: str = "application/json", raw: bool = False,
             token: str = TOKEN):
        """One API call; returns the object. Raises urllib.error.HTTPError for a status that is not 2xx."""
        request = urllib.request.Request(self.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": f"Bearer {token}", "Content-Type": content_type})
        context = ssl.create_default_context(cadata=self.ca)
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            text = answer.read().decode()
            return text if raw else json.loads(text)

    def merge(self, path: str, body, **kwargs):
        return self.call("PATCH", path, body, "application/merge-patch+json", **kwargs)

    def kubectl(self, *arguments: str, **kwargs) -> subprocess.CompletedProcess:
        return subprocess.run([str(PROGRAMS / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments],
                              capture_output=True, text=True, timeout=60, **kwargs)

    def install(self) -> "ApiServer":
        """Everything of crds and manifests/base."""
        for kustomization in ("crds", "manifests/base"):  # the second names what the first defines
            done = self.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(TOP / kustomization))
            assert done.returncode == 0, done.stderr
            self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/reloads.sidestep.dev", "crd/reloadpolicies.sidestep.dev")
        return self

    def account_token(self) -> str:
        """The operator's own: the rights of manifests/base and no more. REQUIRES: install()."""
        path = "/api/v1/namespaces/sidestep-system/serviceaccounts/sidestep-operator/token"
        return self.call("POST", path, {"spec": {"expirationSeconds": 7200}})["status"]["token"]

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
