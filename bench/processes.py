"""Starting programs on one core, and reading what they cost: CPU time, memory, and the ends of both."""
import os
import socket
import subprocess
import time
from pathlib import Path

PROXY_CORE, LOAD_CORE = "0", "1"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(command, log: Path, core=None, env=None) -> subprocess.Popen:
    """Starts a program in a session of its own, so that stop() reaches its children too."""
    pinned = ["taskset", "-c", core, *command] if core else command
    with open(log, "ab") as out:
        return subprocess.Popen([str(word) for word in pinned], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                env={**os.environ, **(env or {})}, start_new_session=True)


def stop(process: subprocess.Popen, seconds=10):
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass
    process.wait()


def wait_for_port(port: int, process: subprocess.Popen, seconds=15.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as s:
            s.settimeout(1)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode} before it listened on {port}")
        time.sleep(0.02)
    raise RuntimeError(f"{process.args} does not listen on {port} after {seconds} s")


def tree(root: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, ahead = [], [root]
    while ahead:
        pid = ahead.pop()
        found.append(pid)
        ahead += children.get(pid, [])
    return found


def named(pids, names) -> list[int]:
    """Those of the processes whose program has one of the names."""
    kept = []
    for pid in pids:
        try:
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)") in names:
                kept.append(pid)
        except OSError:
            pass
    return kept


def cpu_seconds(pids) -> float:
    """CPU time of all threads, to the nanosecond (stat has ticks of 10 ms)."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except OSError:
                pass
    return total / 1e9


def memory_kib(pids) -> dict[str, int]:
    """Sums of smaps_rollup over the processes: Pss, and Private (clean and dirty)."""
    sums = {"Pss": 0, "Private": 0, "Rss": 0}
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, value = line.split(":")
            kib = int(value.split()[0])
            if name.startswith("Private_"):
                sums["Private"] += kib
            elif name in sums:
                sums[name] += kib
    return sums
