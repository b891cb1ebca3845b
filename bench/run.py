#!/usr/bin/env python3
"""Runs the benchmarks and prints their tables; raw figures go to build/bench/*.json. See bench/README.md."""
import argparse
import functools
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cpu  # noqa: E402
import fleet_numbers  # noqa: E402
import idle  # noqa: E402
import instructions  # noqa: E402
import memory  # noqa: E402
import peers  # noqa: E402
import reloads  # noqa: E402
import scenarios  # noqa: E402
import stats  # noqa: E402
import swap  # noqa: E402
import syscalls  # noqa: E402

STICKS = ("relay", "plane")  # programs of bench/ that are measured beside the real proxies
ALL = {name: functools.partial(cpu.run, name) for name in scenarios.SCENARIOS}
ALL |= {"instructions": instructions.run, "syscalls": syscalls.run, "memory": memory.run, "idle": idle.run, "swap": swap.run, "reloads": reloads.run}
ALL |= {"operator": fleet_numbers.run}


def parse(args):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmarks", nargs="*", default=list(ALL), help=f"some of {', '.join(ALL)}; all without")
    parser.add_argument("--bins", type=Path, default=peers.ROOT / "build/bin", help="folder of the programs")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=["sidestep", "haproxy", "nginx", "nghttpx", "relay", "plane"],
                        help="beside whom Sidestep is measured")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=2, help="of one run of one peer")
    parser.add_argument("--idle", type=int, default=15_000, help="clients of the idle benchmark")
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--peer-reloads", type=int, default=10, help="of each method but the first")
    parser.add_argument("--methods", type=lambda text: text.split(","), default=["sidestep", "haproxy", "nginx"])
    parser.add_argument("--between", type=float, default=0.1, help="seconds between two reloads")
    parser.add_argument("--rate", type=int, default=1000, help="requests/s of the swap benchmark")
    parser.add_argument("--window", type=float, default=2.5, help="seconds of each window of the swap benchmark")
    parser.add_argument("--warm-up", type=float, default=0, help="seconds until an app that starts is ready")
    parser.add_argument("--blocks", type=int, default=10, help="of the swap benchmark: each gives one ratio")
    parser.add_argument("--policies", type=int, default=1000, help="of the operator benchmark")
    parser.add_argument("--pods", type=int, default=10_000, help="of the operator benchmark, spread evenly over the policies")
    parser.add_argument("--accept", action="store_true", help="check in the instruction counts of this run")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal is not met")
    options = parser.parse_args(args)
    unknown = [name for name in options.benchmarks if name not in ALL]
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    return options


def build(options):
    """The load generator, the example app and the relay; the product itself is built by `make build`."""
    subprocess.run([peers.ROOT / "tests/load/build.sh", options.go_bins], check=True)
    options.sticks = peers.ROOT / "build/sticks/bin"
    subprocess.run(["cmake", "--preset", "release", "-B", options.sticks.parent, "-DSIDESTEP_BENCH=ON", "-DSIDESTEP_TESTS=OFF"],
                   cwd=peers.ROOT, check=True, stdout=sys.stderr)
    subprocess.run(["cmake", "--build", options.sticks.parent, "--target", *STICKS, "instruction_count", "micro_bench"], check=True, stdout=sys.stderr)
    for stick in STICKS:
        shutil.copy2(options.sticks / stick, options.bins / stick)


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return f"{time.strftime('%d %b %Y')}, {os.cpu_count()} × {model}, Linux {platform.release()}"


def main(args) -> int:
    options = parse(args)
    resource.setrlimit(resource.RLIMIT_NOFILE, (peers.MOST_OPEN, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    options.go_bins = peers.ROOT / "build/bin-go"
    if options.benchmarks != ["operator"]:  # which needs neither peers nor load generators
        build(options)
    missing = [name for name in ("wrk", "taskset", "haproxy", "nginx", "nghttpx") if not shutil.which(name)]
    if missing and options.benchmarks != ["operator"]:
        print(f"bench: not installed: {', '.join(missing)}; run make deps", file=sys.stderr)
        return 2
    results = peers.ROOT / "build/bench"
    results.mkdir(parents=True, exist_ok=True)
    print(machine() + "\n", flush=True)
    goals = []
    for name in options.benchmarks:
        text, data, found = ALL[name](options)
        goals += found
        (results / f"{name}.json").write_text(json.dumps({"machine": machine(), "data": data}, indent=1))
        print(text, flush=True)
    print(f"### Goals\n\n{stats.goals_table(goals)}", flush=True)
    return 1 if options.strict and not all(goal.met for goal in goals) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
