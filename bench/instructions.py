"""Instructions per operation of the request path, counted by callgrind and compared with bench/instructions.json, so that a
slower commit is seen on any machine, however busy. `python3 bench/run.py instructions --accept` writes the file anew."""
import json
import re
import subprocess
from pathlib import Path

import peers
import stats

BASELINE = peers.ROOT / "bench/instructions.json"
TOLERANCE = 1.05  # another compiler version of the same distribution moves a count by a few percent
TIMES = (1000, 3000)


def counted(program: Path, case: str, times: int) -> int:
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, case, str(times)],
                          capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def measure(program: Path) -> dict[str, float]:
    """Case → instructions per operation: the difference of two runs, so that setting up does not count."""
    names = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    few, many = TIMES
    return {name: round((counted(program, name, many) - counted(program, name, few)) / (many - few), 1) for name in names}


def run(options) -> tuple[str, dict, list[stats.Goal]]:
    now = measure(options.sticks / "instruction_count")
    if options.accept:
        BASELINE.write_text(json.dumps(now, indent=1) + "\n")
    before = json.loads(BASELINE.read_text())
    rows = [[name, f"{before.get(name, 0):,.0f}", f"{count:,.0f}", f"{count / before[name]:.3f}" if before.get(name) else "new"]
            for name, count in now.items()]
    text = f"### Instructions per operation\n\n{stats.table(['operation', 'checked in', 'now', 'ratio'], rows)}\n"
    goals = [stats.Goal(f"instructions of {name}", f"≤ {before.get(name, 0) * TOLERANCE:,.0f}", f"{count:,.0f}", count <= before.get(name, 0) * TOLERANCE)
             for name, count in now.items()]
    return text, now, goals
