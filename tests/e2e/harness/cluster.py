"""The one cluster of a test run: up when the first test needs it, down at the end unless it was up before."""
import os
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
SCRIPTS = TOP / "tests/e2e/cluster"
IMAGES = TOP / "build/images"


def settings() -> dict[str, str]:
    """The variables of settings.sh, as the shell sees them."""
    script = f". {SCRIPTS}/settings.sh && set -o posix && set"
    names = ("KUBECONFIG", "KUBE_BIN", "NODE", "PIDS", "LOG", "SERVICE_CIDR", "POD_CIDR", "NODE_IP", "HOST_IP")
    lines = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True).stdout.splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name: value.strip("'") for name, value in pairs if name in names}


class Cluster:
    """Runs commands on the node, and knows how to kill what runs there. Holds no state of its own."""

    def __init__(self) -> None:
        self.settings = settings()
        os.environ["KUBECONFIG"] = self.settings["KUBECONFIG"]
        os.environ["PATH"] = f"{self.settings['KUBE_BIN']}:{os.environ['PATH']}"

    def is_up(self) -> bool:
        return subprocess.run([SCRIPTS / "node.sh", "true"], capture_output=True, check=False).returncode == 0

    def up(self) -> None:
        self._script("tools/build.sh")
        self._script("up.sh")

    def down(self) -> None:
        self._script("down.sh")

    def load_images(self) -> list[str]:
        """Makes the images of the programs that are built, and loads them into the node; returns what is there."""
        subprocess.run([TOP / "tests/e2e/images/build.sh"], check=True)
        for archive in sorted(IMAGES.glob("*.tar")):
            self.on_node("ctr", "images", "import", str(archive))
        return self.on_node("ctr", "images", "ls", "-q").split()

    def on_node(self, *command: str, stdin: str | None = None) -> str:
        done = subprocess.run([SCRIPTS / "node.sh", *command], input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"on the node: {' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}"
        return done.stdout

    def pid_of(self, container_id: str) -> int:
        """Pid, as the node sees it, of the first process of a container (`containerd://…` or the bare id)."""
        bare = container_id.removeprefix("containerd://")
        for line in self.on_node("ctr", "tasks", "ls").splitlines():
            fields = line.split()
            if fields[0] == bare:
                return int(fields[1])
        raise AssertionError(f"container {bare} runs no process")

    def children_of(self, pid: int) -> list[int]:
        return [int(child) for child in self.on_node("cat", f"/proc/{pid}/task/{pid}/children").split()]

    def command_of(self, pid: int) -> list[str]:
        return self.on_node("cat", f"/proc/{pid}/cmdline").rstrip("\0").split("\0")

    def signal(self, pid: int, name: str) -> None:
        self.on_node("kill", f"-{name}", str(pid))

    def _script(self, name: str) -> None:
        done = subprocess.run([SCRIPTS / name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        print(done.stdout, end="")
        assert done.returncode == 0, f"{name} failed:\n{done.stdout}"
