"""CPU time per kept HTTP/1.1 request: proxy alone on core 0, wrk and the app on core 1, peers side by side.

The peers take turns in shuffled rounds, so that drift of the machine meets all of them; ratios are taken within a
round. The A/A row compares two instances of the same proxy and shows what the noise alone makes of a ratio."""
import random
import re
import subprocess
import tempfile
from pathlib import Path

import peers
import processes
import stats


def measure(peer: peers.Peer, connections: int, seconds: int) -> tuple[float, float]:
    """CPU µs per request, and requests per second."""
    before = processes.cpu_seconds(peer.pids())
    out = subprocess.run(["taskset", "-c", processes.LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
                          f"http://127.0.0.1:{peer.port}/"], capture_output=True, text=True, check=True).stdout
    used = processes.cpu_seconds(peer.pids()) - before
    requests, took = re.search(r"(\d+) requests in ([\d.]+)s", out).groups()
    if "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError(f"{peer.name}: {out}")
    return used / int(requests) * 1e6, int(requests) / float(took)


def rounds(running: list[peers.Peer], options) -> dict[int, list[tuple[float, float]]]:
    results = {i: [] for i in range(len(running))}
    for peer in running:
        measure(peer, options.connections, 1)  # pools filled, caches warm
    for n in range(options.rounds):
        for i in random.Random(n).sample(range(len(running)), len(running)):
            results[i].append(measure(running[i], options.connections, options.seconds))
    return results


def report(names: list[str], results) -> tuple[str, dict]:
    """One row per peer, ratios against the first."""
    base = [cpu for cpu, _ in results[0]]
    rows, data = [], {}
    for i, name in enumerate(names):
        cpu = [value for value, _ in results[i]]
        label = f"{name} (A/A)" if i > 0 and name == names[0] else name
        mean, low, high = stats.ratio(base, cpu)
        rows.append([label, f"{stats.quantile(cpu, 0.5):.1f}", f"{min(cpu):.1f}–{max(cpu):.1f}",
                     f"{stats.quantile([rate for _, rate in results[i]], 0.5):,.0f}",
                     "" if i == 0 else f"{mean:.3f} ({low:.3f}–{high:.3f})"])
        data[label] = {"microseconds": cpu, "requestsPerSecond": [rate for _, rate in results[i]],
                       "ratio": [mean, low, high]}
    head = ["proxy", "CPU µs per request, median", "range", "requests/s", f"{names[0]} ÷ it (95 %)"]
    return stats.table(head, rows), data


def goals(name: str, data: dict) -> list[stats.Goal]:
    """Against each big peer: the upper end of the interval counts."""
    found = []
    for peer in ("haproxy", "nginx"):
        if peer in data and peer != name:
            mean, low, high = data[peer]["ratio"]
            found.append(stats.Goal(f"CPU per request, {name} ÷ {peer}", "≤ 1.00", f"{mean:.2f} ({low:.2f}–{high:.2f})", high <= 1.0))
    return found


def run(options) -> tuple[str, dict, list[stats.Goal]]:
    names = options.peers
    with tempfile.TemporaryDirectory(prefix="sidestep-bench-") as name:
        folder, running = Path(name), []
        app = peers.app(folder, options.body)
        try:
            for peer in [names[0], *names]:
                running.append(peers.proxy(peer, folder, app.port, options.bins))
            results = rounds(running, options)
        finally:
            for peer in [*running, app]:
                peer.stop()
    text, data = report([peer.name for peer in running], results)
    title = f"CPU per request: {options.connections} kept connections, {options.body} B body, " \
            f"{options.rounds} rounds of {options.seconds} s"
    return f"### {title}\n\n{text}\n", data, goals(names[0], data)
