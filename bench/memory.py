"""Memory of the proxies at rest and after load, and the size of the launcher."""
import tempfile
import time
from pathlib import Path

import cpu
import peers
import processes
import stats
from scenarios import Load


def goals(name: str, data: dict) -> list[stats.Goal]:
    rest = data[name]["rest"]
    found = [stats.Goal(f"private memory of {name} at rest", "≤ 2 MiB", f"{rest['Private'] / 1024:.2f} MiB", rest["Private"] <= 2 * 1024),
             stats.Goal(f"PSS of {name} at rest", "≤ 5 MiB", f"{rest['Pss'] / 1024:.2f} MiB", rest["Pss"] <= 5 * 1024)]
    if "launcherBytes" in data:
        size = data["launcherBytes"]
        found.append(stats.Goal("launcher", "≤ 3 MB", f"{size / 1e6:.2f} MB", size <= 3_000_000))
    return found


def run(options) -> tuple[str, dict, list[stats.Goal]]:
    rows, data = [], {}
    with tempfile.TemporaryDirectory(prefix="sidestep-bench-") as name:
        folder = Path(name)
        app = peers.app(folder, 128)
        try:
            for peer_name in options.peers:
                peer = peers.proxy(peer_name, folder, app, options.bins)
                try:
                    time.sleep(2)
                    rest = processes.memory_kib(peer.pids())
                    cpu.measure(peer, Load(64), 2)
                    loaded = processes.memory_kib(peer.pids())
                finally:
                    peer.stop()
                data[peer_name] = {"rest": rest, "loaded": loaded}
                rows.append([peer_name, *(f"{kib / 1024:.1f}" for kib in
                                          (rest["Private"], rest["Pss"], loaded["Private"], loaded["Pss"]))])
        finally:
            app.stop()
    text = stats.table(["proxy", "private at rest, MiB", "PSS at rest", "private after load", "PSS after load"], rows)
    launcher = options.bins / "sidestep-launch"
    if launcher.exists():
        size = launcher.stat().st_size
        data["launcherBytes"] = size
        text += f"\n\nLauncher: {size / 1e6:.2f} MB, static, one file."
    return f"### Memory\n\n{text}\n", data, goals(options.peers[0], data)
