"""Commands that the documents print, run as a reader would type them."""
import os
import re
import subprocess
from pathlib import Path

from .cluster import TOP


def commands(document: str, heading: str) -> list[str]:
    """The shell blocks below that heading, in their order."""
    text = "\n" + (TOP / document).read_text()
    section = re.split(r"\n#{1,2} ", text.split(f"\n{heading}\n", 1)[1])[0]
    return [re.sub(r"^ +", "", block, flags=re.M) if block.startswith(" ") else block
            for block in re.findall(r"^ *```sh\n(.*?)^ *```", section, re.M | re.S)]


class Reader:
    """A person at a shell in the repository, whose context is one namespace, with helm, kubectl and kubectl-sidestep at hand."""

    def __init__(self, namespace: str, folder: Path, helm: str) -> None:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_bytes(Path(os.environ["KUBECONFIG"]).read_bytes())
        path = f"{Path(helm).parent}:{TOP / 'build/bin'}:{os.environ['PATH']}"
        self.environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": path}
        self.types(f"kubectl config set-context --current --namespace={namespace}")

    def types(self, script: str, seconds: float = 120, answer: str | None = None) -> str:
        """Runs the commands, and stops at the first that fails."""
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=TOP, env=self.environment, input=answer, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False)
        assert done.returncode == 0, f"exit {done.returncode}\n$ {script}\n{done.stdout}"
        return done.stdout
