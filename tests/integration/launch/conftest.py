"""The launcher as a real process, under a proxy made of bare frames."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from fake_proxy import Proxy

ROOT = pathlib.Path(__file__).resolve().parents[3]


def binary(name):
    folder = os.environ.get("SIDESTEP_BIN")
    for place in [folder] if folder else [ROOT / "build/bin", ROOT / "build/dev/bin"]:
        path = pathlib.Path(place) / name
        if path.exists():
            return str(path)
    pytest.fail(f"{name} is not built: make build, or set SIDESTEP_BIN")


class World:
    def __init__(self, run_dir):
        self.run_dir = run_dir
        self.processes = []
        self.proxies = []

    def launch(self, *options, command=("/bin/true",), prefix=(), **popen):
        args = [*prefix, popen.pop("path", None) or binary("sidestep-launch"), "--run-dir", self.run_dir, *options, "--", *command]
        process = subprocess.Popen(args, **popen)
        self.processes.append(process)
        return process

    def proxy(self, **settings):
        proxy = Proxy(self.run_dir, **settings)
        self.proxies.append(proxy)
        return proxy

    def up(self, *options, **launch):
        """A launcher and a proxy that it is connected to."""
        proxy = self.proxy()
        self.launch(*options, **launch)
        return proxy.accept()

    def end(self):
        for proxy in self.proxies:
            proxy.close()
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)  # its generations follow: the shims see it die
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def world():
    run_dir = tempfile.mkdtemp(prefix="sidestep-")
    os.chmod(run_dir, 0o755)
    world = World(run_dir)
    yield world
    world.end()
    shutil.rmtree(run_dir, ignore_errors=True)
