"""Commands of the test suites, and what they came to: every figure is counted from the results that a command leaves."""
import dataclasses
import os
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
lane = threading.local()  # .prefix: what every command of this thread begins with, for instance ["nice"]


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = dataclasses.field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures


def run(command, env=None, quiet=True, timeout=3600):
    """Runs a command in the top folder; its output is shown when it fails, or always when not quiet."""
    merged = {**os.environ, **(env or {})}
    command = [*getattr(lane, "prefix", []), *command]
    try:
        done = subprocess.run(command, cwd=TOP, env=merged, timeout=timeout, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if quiet else None,
                              stderr=subprocess.STDOUT if quiet else None)
    except subprocess.TimeoutExpired as late:
        print(f"  no end after {timeout} s: {' '.join(map(str, command))}\n{str(late.stdout or '')[-4000:]}")
        return 124
    if quiet and done.returncode != 0:
        print(done.stdout[-12000:])
    return done.returncode


def command_counts(name, command, **options):
    """One test: the command's exit code."""
    code = run(command, **options)
    return Counts(1, 0) if code == 0 else Counts(0, 1, 0, [f"{name}: exit code {code}"])


def junit_counts(name, xml, code):
    """The counts of one JUnit file; a runner that died without one is a failure by itself."""
    if not xml.exists():
        return Counts(0, 1, 0, [f"{name}: exit code {code} and no results"])
    counts = Counts()
    for case in ElementTree.parse(xml).getroot().iter("testcase"):
        title = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
            counts.failures.append(f"{name}: {title}")
        elif case.get("status") == "notrun":
            pass  # a role that other tests start by its name
        elif skipped is not None:
            counts.skipped += 1
            why = skipped.get("message") or ""
            if os.environ.get("CI") == "true" and "cannot" not in why:
                counts.failed += 1
                counts.failures.append(f"{name}: {title} skipped in CI: {why}")
        else:
            counts.passed += 1
    if counts.passed + counts.failed + counts.skipped == 0 or (code != 0 and counts.failed == 0):
        counts.failed += 1
        counts.failures.append(f"{name}: exit code {code}, {counts.passed} passed")
    return counts


def failed_cases(xml):
    """pytest's addresses (file::test[parameters]) of the tests that failed."""
    if not xml.exists():
        return []
    return [f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}"
            for case in ElementTree.parse(xml).getroot().iter("testcase")
            if case.find("failure") is not None or case.find("error") is not None]
