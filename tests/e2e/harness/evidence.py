"""What is kept of a test that failed: objects, events, and the end of every log of its namespace."""
import subprocess
from pathlib import Path


def _write(path: Path, *command: str) -> str:
    done = subprocess.run(["kubectl", *command], capture_output=True, text=True, check=False)
    path.write_text(done.stdout + done.stderr)
    return done.stdout


def collect(folder: Path, namespaces: list[str]) -> str:
    """Writes everything into folder; returns a short account for the test report."""
    folder.mkdir(parents=True, exist_ok=True)
    account = [f"evidence is in {folder}"]
    for namespace in namespaces:
        scope = ("--namespace", namespace)
        _write(folder / f"{namespace}-objects.yaml", *scope, "get", "pods,deploy,svc,cm,rp,rl", "-o", "yaml")
        _write(folder / f"{namespace}-events.txt", *scope, "get", "events", "--sort-by=.lastTimestamp")
        account.append(_write(folder / f"{namespace}-pods.txt", *scope, "get", "pods", "-o", "wide"))
        pods = subprocess.run(["kubectl", *scope, "get", "pods", "-o", "name"], capture_output=True, text=True, check=False)
        for pod in pods.stdout.split():
            name = pod.removeprefix("pod/")
            _write(folder / f"{namespace}-{name}.log", *scope, "logs", name, "--all-containers", "--prefix", "--tail=500")
            _write(folder / f"{namespace}-{name}.previous.log", *scope, "logs", name, "--all-containers", "--prefix",
                   "--previous", "--tail=200")
    return "\n".join(account)
