"""Latency at a constant rate while the app is replaced, and how much a reload takes beyond the app's own start.

Kinds of windows of equal length take turns: steady and control, in which nothing happens (their ratio is the A/A row),
swap, in which one reload runs, and start, in which the same app starts beside the traffic and nobody moves to it: what
that alone does to the others on the machine is the floor of a swap. Latencies count from the time at which a request
was due."""
import statistics
import tempfile
import time
from pathlib import Path

import stats
from generator import Generator
from methods import METHODS, Shop


class Windows:
    """One after another, each as long as the others, whatever happens inside."""

    def __init__(self, generator, seconds: float):
        self.generator, self.seconds = generator, seconds

    def open(self, name: str, act=lambda: None):
        """Calls act() as the window begins; returns what it returns when the window is over."""
        self.generator.mark(name)
        end = time.monotonic() + self.seconds
        result = act()
        time.sleep(max(0.0, end - time.monotonic()))
        self.generator.mark("between")
        return result


def start_alone(folder: Path, options) -> tuple[Shop, float]:
    """The app and its own time to readiness, without any proxy, on the machine as it is now."""
    began = time.monotonic()
    shop = Shop(folder, options, 0)
    return shop, time.monotonic() - began


def run_one(method: str, options, reloads: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="sidestep-bench-") as name:
        folder = Path(name)
        (folder / "orders").touch()
        service, generator = METHODS[method](folder, options), None
        try:
            generator = Generator(folder, options, service.port, "rate", "--rate", str(options.rate))
            windows = Windows(generator, options.window)
            time.sleep(1)
            starts, took = [], []
            for n in range(reloads):
                block = n * options.blocks // reloads
                for kind in ("steady", "control") if n % 2 else ("control", "steady"):
                    windows.open(f"{kind}-{block}")
                took.append(windows.open(f"swap-{block}", service.reload))
                shop, seconds = windows.open(f"start-{block}", lambda: start_alone(folder, options))
                starts.append(seconds)
                shop.stop()
                time.sleep(0.2)
            return {"report": generator.finish(), "starts": starts, "reloads": took}
        finally:
            if generator:
                generator.stop()
            service.stop()


def p99s(report: dict, kind: str, blocks: int) -> list[float]:
    return [report["phases"][f"{kind}-{block}"]["total"]["latencyMs"]["p99"] for block in range(blocks)]


def row(method: str, result: dict, blocks: int) -> list[str]:
    report = result["report"]
    steady, control, swap, start = (p99s(report, kind, blocks) for kind in ("steady", "control", "swap", "start"))
    starts = [seconds * 1000 for seconds in result["starts"]]
    own = statistics.median(starts)
    over = [(entry["seconds"] * 1000 - own) for entry in result["reloads"]]
    told = [entry["receipt"]["overheadMs"] for entry in result["reloads"] if "receipt" in entry]
    return [METHODS[method].name, str(len(over)), f"{report['verdict']['lost']}", f"{statistics.median(steady):.2f}", f"{statistics.median(swap):.2f}",
            *(stats.spread(pair) for pair in ((swap, steady), (start, steady), (swap, start), (control, steady))),
            f"{own:.0f}", f"{statistics.median(over):.0f} ({max(over):.0f})",
            f"{stats.quantile(told, 0.5):.0f} ({max(told):.0f})" if told else "–"]


def goals(method: str, result: dict, blocks: int) -> list[stats.Goal]:
    steady, swap = p99s(result["report"], "steady", blocks), p99s(result["report"], "swap", blocks)
    high = stats.ratio(swap, steady)[2]
    own = statistics.median(result["starts"])
    over = statistics.median(entry["seconds"] - own for entry in result["reloads"]) * 1000
    return [stats.Goal(f"p99 in a swap ÷ steady, {method}", "≤ 1.2", stats.spread((swap, steady)), high <= 1.2),
            stats.Goal(f"reload less the app's own start, {method}, median", "≤ 20 ms", f"{over:.0f} ms", over <= 20)]


def run(options) -> tuple[str, dict, list[stats.Goal]]:
    rows, data, first = [], {}, options.methods[0]
    for method in options.methods:
        count = max(options.blocks, options.reloads // 2 if method == first else options.peer_reloads)
        result = run_one(method, options, count)
        rows.append(row(method, result, options.blocks))
        result["report"].pop("series")
        data[method] = result
    head = ["method", "reloads", "lost", "p99 steady, ms", "p99 in a swap, ms", "swap ÷ steady (95 %)",
            "the app's start alone ÷ steady", "swap ÷ the app's start alone", "A/A (95 %)", "app's own start, ms",
            "reload less that, ms, median (max)", "the same by the receipt"]
    return f"### Latency during a swap, {options.rate} requests/s at a constant rate\n\n{stats.table(head, rows)}\n", data, goals(first, data[first], options.blocks)
