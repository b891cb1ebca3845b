#!/usr/bin/env python3
"""Runs every case through Sidestep, HAProxy and nginx and writes the table of their verdicts: table.py TABLE.md

usage: table.py TABLE.md [--bins FOLDER]     peers are started as bench/peers.py has them; one that is not installed is left out
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(TOP / "bench")]
import cases  # noqa: E402
import exchange  # noqa: E402
import peers  # noqa: E402
import processes  # noqa: E402

NAMES = {"sidestep": "Sidestep", "haproxy": "HAProxy", "nginx": "nginx"}


def version(name):
    if name == "sidestep":
        return "this tree"
    done = subprocess.run([name, "-v"], capture_output=True, text=True)
    return " ".join((done.stdout + done.stderr).split()[:3]).replace("version", "").replace("nginx nginx/", "nginx/")


def verdicts(name, every, bins):
    """The outcome of each case."""
    with tempfile.TemporaryDirectory() as made:
        folder, app, port = Path(made), exchange.App(), processes.free_port()
        folder.chmod(0o755)
        command, _ = peers.commands(folder, port, app.port, bins)[name]
        process = processes.start(command, folder / "log")
        try:
            exchange.wait_for(port)
            return [exchange.run(case, app, port) for case in every]
        finally:
            processes.stop(process)


def cell(case, outcome):
    wanted = not exchange.unmet(case, outcome)
    client = outcome.client if len(outcome.client) < 40 else outcome.client[:12] + "…"
    got = client or "closed"
    if not wanted and case.kind == "request":
        got += " · app: " + ("; ".join(line if len(line) < 60 else line[:57] + "…" for line in outcome.app) or "nothing")
    elif not wanted:
        got += "".join(" · " + line[:60] for line in outcome.app)
    got = got.replace("|", "\\|").replace("`", "'")
    marks = {"can be read": "ambiguous", "next client": "poisoned", "no request": "misdirected", "more answers": "too many answers", "no answer": "not HTTP"}
    faults = sorted({short for fault in outcome.faults for word, short in marks.items() if word in fault})
    return got + (f" **{', '.join(faults)}**" if faults else "")


def side(case, outcome):
    """What was read behind the proxy: the app's requests, or the client's answer."""
    return [line for line in (outcome.app if case.kind == "request" else outcome.lines()) if line]


def wanted_side(case):
    return [line for line in case.want if not line.startswith(("with ", "without ")) and (case.kind == "answer" or not line[0].isdigit())]


def summary(names, every, found):
    def count(name, kind, check):
        return sum(1 for case, outcome in zip(every, found[name]) if case.kind == kind and check(case, outcome))
    rows = [("the other side reads what the document says", lambda case, outcome: side(case, outcome) == wanted_side(case)),
            ("it can be read in two ways", lambda case, outcome: any("read differently" in fault for fault in outcome.faults)),
            ("an answer that is none, or went to another request or client", lambda case, outcome: any("read differently" not in fault for fault in outcome.faults)),
            ("neither answered nor closed within a second", lambda case, outcome: "waits" in outcome.client)]
    lines = ["| | " + " | ".join(f"{NAMES[name]}, {kind}" for name in names for kind in ("client to app", "app to client")) + " |", "|" + " --- |" * (1 + 2 * len(names))]
    for title, check in rows:
        lines.append(f"| {title} | " + " | ".join(str(count(name, kind, check)) for name in names for kind in ("request", "answer")) + " |")
    totals = [str(sum(case.kind == kind for case in every)) for kind in ("request", "answer")]
    lines.append("| of | " + " | ".join(totals * len(names)) + " |")
    return lines


def render(names, every, found):
    text = ["# Smuggling and desync: what three proxies make of the same bytes", "",
            f"Written by `make conformance` on {time.strftime('%Y-%m-%d')} ({', '.join(f'{NAMES[name]}: {version(name)}' for name in names)}).",
            "The documents are in tests/conformance; each is judged by what the app's side read, or the client's, in ten readings that differ in what",
            "apps and clients differ in. The settings of the peers are those of `bench/peers.py`; other settings may do better. A cell shows the statuses that the client got",
            "(`next`: the request after it was served on the same connection; `cut`: the answer does not look whole; `closed`: no answer) and, where it differs from the document, what the other side read.",
            "A peer that differs is not wrong by that alone: words in bold are what nobody should do.", "", *summary(names, every, found)]
    for theme in sorted({case.theme for case in every}):
        text += ["", f"## {theme.replace('_', ' ')}", "", "| case | " + " | ".join(NAMES[name] for name in names) + " |", "|" + " --- |" * (1 + len(names))]
        text += [f"| {case.title.replace('|', chr(92) + '|')} | " + " | ".join(cell(case, found[name][at]) for name in names) + " |"
                 for at, case in enumerate(every) if case.theme == theme]
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table", type=Path)
    parser.add_argument("--bins", type=Path, default=Path(os.environ.get("SIDESTEP_BIN", TOP / "build/bin")))
    options = parser.parse_args()
    names = [name for name in NAMES if name == "sidestep" or shutil.which(name)]
    every = cases.cases()
    found = {name: verdicts(name, every, options.bins) for name in names}
    options.table.write_text(render(names, every, found))
    unmet = [str(case) for case, outcome in zip(every, found["sidestep"]) if exchange.unmet(case, outcome)]
    print(f"{len(every)} cases; Sidestep: {len(every) - len(unmet)} as wanted" + "".join(f"\nnot as wanted: {case}" for case in unmet))
    return 1 if unmet else 0


if __name__ == "__main__":
    sys.exit(main())
