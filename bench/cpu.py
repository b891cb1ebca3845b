"""CPU time of the proxy per request: proxy alone on core 0, the load and the app on core 1, contenders side by side.

The contenders take turns in shuffled rounds, so that drift of the machine meets all of them; ratios are taken within a
round. The A/A row compares two instances of the same proxy and shows what the noise alone makes of a ratio. What is
compared under which load is in scenarios.py."""
import random
import re
import subprocess
import tempfile
from pathlib import Path

import peers
import processes
import stats
from scenarios import SCENARIOS, Contender, Load, Scenario


def wrk(load: Load, peer: peers.Peer, seconds: float) -> tuple[int, float]:
    scheme = "https" if peer.setup.front == "tls" else "http"
    headers = [f"-H{header}" for header in load.headers]
    out = subprocess.run(["taskset", "-c", processes.LOAD_CORE, "wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "10s", *headers,
                          f"{scheme}://127.0.0.1:{peer.port}/"], capture_output=True, text=True, check=True).stdout
    requests, took = re.search(r"(\d+) requests in ([\d.]+)s", out).groups()
    if "Non-2xx" in out or ("Socket errors" in out and not load.closes):
        raise RuntimeError(f"{peer.name}: {out}")
    return int(requests), float(took)


def h2load(load: Load, peer: peers.Peer, seconds: float) -> tuple[int, float]:
    out = subprocess.run(["taskset", "-c", processes.LOAD_CORE, "h2load", "-t1", f"-c{load.connections}", f"-m{load.streams}", f"-D{seconds}",
                          f"http://127.0.0.1:{peer.port}/"], capture_output=True, text=True, check=True).stdout
    done, failed = re.search(r"(\d+) succeeded, (\d+) failed", out).groups()
    took = re.search(r"finished in ([\d.]+)(m?s)", out)
    if int(failed) > load.connections * load.streams or int(done) == 0:  # what is open when the time is over counts as failed
        raise RuntimeError(f"{peer.name}: {out}")
    return int(done), float(took.group(1)) / (1000 if took.group(2) == "ms" else 1)


def measure(peer: peers.Peer, load: Load, seconds: float) -> tuple[float, float]:
    """CPU µs per request, and requests per second."""
    before = processes.cpu_seconds(peer.pids())
    requests, took = (h2load if load.streams else wrk)(load, peer, seconds)
    return (processes.cpu_seconds(peer.pids()) - before) / requests * 1e6, requests / took


def rounds(running: list[tuple[Contender, peers.Peer]], options) -> list[list[tuple[float, float]]]:
    results = [[] for _ in running]
    for contender, peer in running:
        measure(peer, contender.load, 2)  # pools filled, caches warm
    for n in range(options.rounds):
        for i in random.Random(n).sample(range(len(running)), len(running)):
            contender, peer = running[i]
            results[i].append(measure(peer, contender.load, options.seconds))
    return results


def report(scenario: Scenario, results) -> tuple[str, dict]:
    """One row per contender, ratios against the first."""
    base = [cpu for cpu, _ in results[0]]
    rows, data = [], {}
    for i, contender in enumerate(scenario.contenders):
        cpu = [value for value, _ in results[i]]
        mean, low, high = stats.ratio(base, cpu)
        rows.append([contender.label, f"{stats.quantile(cpu, 0.5):.1f}", f"{min(cpu):.1f}–{max(cpu):.1f}",
                     f"{stats.quantile([rate for _, rate in results[i]], 0.5):,.0f}",
                     "" if i == 0 else f"{mean:.3f} ({low:.3f}–{high:.3f})"])
        data[contender.label] = {"microseconds": cpu, "requestsPerSecond": [rate for _, rate in results[i]], "ratio": [mean, low, high]}
    head = ["proxy", "CPU µs per request, median", "range", "requests/s", f"{scenario.contenders[0].label} ÷ it (95 %)"]
    return stats.table(head, rows), data


def goals(scenario: Scenario, data: dict) -> list[stats.Goal]:
    """The bad end of the interval counts."""
    found = []
    for bar in scenario.bars:
        if bar.other not in data:
            continue
        mean, low, high = data[bar.other]["ratio"]
        found.append(stats.Goal(f"{scenario.title}: {scenario.contenders[0].label} ÷ {bar.other}", f"≤ {bar.most:.2f}",
                                f"{mean:.2f} ({low:.2f}–{high:.2f})", high <= bar.most))
    return found


def run(name: str, options) -> tuple[str, dict, list[stats.Goal]]:
    scenario = SCENARIOS[name].only(options.peers)
    with tempfile.TemporaryDirectory(prefix="sidestep-bench-") as temporary:
        folder, running = Path(temporary), []
        app = peers.app(folder, scenario.body_bytes)
        try:
            for contender in scenario.contenders:
                running.append((contender, peers.proxy(contender.peer, folder, app, options.bins, contender.setup, contender.core)))
            results = rounds(running, options)
        finally:
            for peer in [*(peer for _, peer in running), app]:
                peer.stop()
    text, data = report(scenario, results)
    return f"### {scenario.title}\n\n{text}\n", data, goals(scenario, data)
