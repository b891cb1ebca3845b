"""Many reloads under load: what clients lose, and what is executed twice."""
import json
import tempfile
import time
from pathlib import Path

import stats
from generator import Generator
from methods import METHODS

SATURATED = [{"name": "saturated", "kind": "get", "clients": 1}, {"name": "orders", "kind": "order", "clients": 1},
             {"name": "fresh", "kind": "fresh", "perSecond": 200}, {"name": "ws", "kind": "ws", "clients": 8}]
LOADS = {"busy": "busy", "baseline": "baseline", "saturated": SATURATED}
TITLES = {"busy": "64 busy kept connections + 200 new/s", "baseline": "the load of the baselines",
          "saturated": "one saturated client each for GET and POST, 200 new/s, 8 WebSockets"}


def run_one(method: str, load: str, options, reloads: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="sidestep-bench-") as name:
        folder = Path(name)
        (folder / "orders").touch()
        shape = LOADS[load]
        if not isinstance(shape, str):
            (folder / "shape.json").write_text(json.dumps(shape))
            shape = str(folder / "shape.json")
        service, generator = METHODS[method](folder, options), None
        try:
            generator = Generator(folder, options, service.port, shape)
            time.sleep(1)
            done = []
            for n in range(reloads):
                generator.mark(f"reload-{n + 1}")
                done.append(service.reload())
                time.sleep(options.between)
            generator.mark("after")
            time.sleep(1)
            return {"report": generator.finish(), "reloads": done}
        finally:
            if generator:
                generator.stop()
            service.stop()


def row(method: str, load: str, result: dict) -> list[str]:
    report, verdict = result["report"], result["report"]["verdict"]
    orders, total = report["orders"], report["total"]
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(total.get("lostByKind", {}).items()))
    per_reload = [w["total"]["lost"] for w in report["windows"] if w["name"].startswith("reload-")]
    seconds = [entry["seconds"] * 1000 for entry in result["reloads"]]
    streams = {"told": 0, "cutUntold": 0, "endedClean": 0, **total.get("streams", {})}
    return [METHODS[method].name, TITLES[load], str(len(result["reloads"])), f"{total['sent']:,}",
            f"{verdict['lost']}" + (f" ({kinds}; most in one: {max(per_reload)})" if kinds else ""),
            f"{orders['twice']}" if orders["answered"] else "–",
            f"{streams['told']} / {streams['cutUntold'] + streams['endedClean']}",
            f"{stats.quantile(seconds, 0.5):.0f} ({max(seconds):.0f})"]


def goals(method: str, data: dict) -> list[stats.Goal]:
    found = []
    for load in LOADS:
        result = data[f"{method} {load}"]
        verdict, count = result["report"]["verdict"], len(result["reloads"])
        bad = verdict["lost"] + verdict["duplicated"] + verdict["streamsCut"]
        found.append(stats.Goal(f"{count} reloads, {TITLES[load]}", "0 lost, 0 twice, 0 cut",
                                f"{verdict['lost']} lost, {verdict['duplicated']} twice, {verdict['streamsCut']} cut", bad == 0))
    return found


def run(options) -> tuple[str, dict, list[stats.Goal]]:
    rows, data = [], {}
    for method in options.methods:
        count = options.reloads if method == options.methods[0] else options.peer_reloads
        for load in LOADS:
            result = run_one(method, load, options, count)
            rows.append(row(method, load, result))
            result["report"].pop("series")
            data[f"{method} {load}"] = result
    head = ["method", "load", "reloads", "requests", "lost", "orders twice", "WebSockets told / cut", "ms per reload, median (max)"]
    return f"### Reloads under load\n\n{stats.table(head, rows)}\n", data, goals(options.methods[0], data)
