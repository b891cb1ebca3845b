"""System calls per kept HTTP/1.1 request at 64 connections, counted by the kernel (perf's raw_syscalls, or strace)."""
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import cpu
import peers
import stats
from scenarios import Load


def counted(peer: peers.Peer, seconds: int) -> float:
    pids = [str(pid) for pid in peer.pids()]
    counter = subprocess.Popen(["strace", "-f", "-c", "-q", *[word for pid in pids for word in ("-p", pid)]], stderr=subprocess.PIPE, text=True)
    try:
        _, rate = cpu.measure(peer, Load(64), seconds)
    finally:
        counter.send_signal(2)
    total = re.search(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s+(?:\d+\s+)?total", counter.communicate()[1], re.M)
    return int(total.group(1)) / (rate * seconds)


def run(options) -> tuple[str, dict, list[stats.Goal]]:
    if not shutil.which("strace"):
        raise RuntimeError("strace is not installed; run make deps")
    rows, data = [], {}
    with tempfile.TemporaryDirectory(prefix="sidestep-bench-") as name:
        folder = Path(name)
        app = peers.app(folder, 128)
        try:
            for peer_name in [name for name in options.peers if name != "plane"]:
                peer = peers.proxy(peer_name, folder, app, options.bins)
                try:
                    cpu.measure(peer, Load(64), 1)
                    data[peer_name] = counted(peer, options.seconds)
                finally:
                    peer.stop()
                rows.append([peer_name, f"{data[peer_name]:.2f}"])
        finally:
            app.stop()
    text = f"### System calls per request, 64 connections\n\n{stats.table(['proxy', 'calls'], rows)}\n"
    own = data[options.peers[0]]
    return text, data, [stats.Goal("system calls per request", "≤ 4.10", f"{own:.2f}", own <= 4.1)]
