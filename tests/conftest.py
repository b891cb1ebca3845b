"""Fault cases, for every folder of tests:

    @pytest.mark.fault("C7", "B crashes after it was promoted")      # ci=3, soak=20: how often, each time
    def test_…(service, losses):
        s = service()
        for _ in losses.rounds():            # N times; a test without this fixture is repeated as a whole
            …
            losses.served(200)               # what clients asked meanwhile
            losses.lost("reset by peer")     # fails the test at its end; lost_of(report) takes a report of the load generator

The row goes to build/results/faults/, and from there into the table (faults.py). With SIDESTEP_SOAK=1 only fault cases run, each
with its `soak` rounds.

And `stopping`, for what a test starts."""
import contextlib
import dataclasses
import os
import re
import sys
from pathlib import Path

import faults
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))  # processes.py serves tests too

ROWS = pytest.StashKey[dict]()


class Losses:
    """What one fault case cost."""

    def __init__(self, n):
        self.n, self.done, self.requests, self.what = n, 0, 0, []

    def rounds(self):
        for number in range(self.n):
            yield number
            self.done += 1

    def served(self, count=1):
        self.requests += count

    def lost(self, what, count=1):
        self.requests += count
        self.what += [str(what)] * count

    def of(self, report):
        """The verdict of a load generator's report."""
        verdict = report["verdict"]
        self.served(report["total"]["ok"])
        for _ in range(verdict["lost"] - verdict.get("lostFromApp", 0)):
            self.lost(report["total"].get("lostByKind"))
        for kind in ("surplus", "underWay"):
            self.what += [kind] * verdict.get(kind, 0)
        orders = report.get("orders") or {}
        for kind in ("twice", "answeredNotExecuted"):
            self.what += [f"order {kind}"] * orders.get(kind, 0)


def pytest_configure(config):
    os.environ.setdefault("SIDESTEP_SECCOMP", "enforce")  # a call that the filter does not know fails a test, not a user
    config.addinivalue_line("markers", "fault(id, what, ci=3, soak=20): a case of docs/faults.md, and how often it is provoked")
    config.stash[ROWS] = {}


def rounds_of(mark):
    if faults.IS_SOAK:
        return mark.kwargs.get("soak", 20)
    return min(mark.kwargs.get("ci", 3), 3 if "SIDESTEP_SANITIZED" in os.environ else 1000)


@pytest.fixture
def stopping():
    """stopping(thing) gives the thing, and stops it when the test ends, however it ends; the last one goes first."""
    with contextlib.ExitStack() as started:

        def until_the_end(thing):
            started.callback(thing.stop)
            return thing

        yield until_the_end


@pytest.fixture
def losses(request):
    mark = request.node.get_closest_marker("fault")
    assert mark, "losses are counted for a fault case: mark the test with @pytest.mark.fault(id, what)"
    return Losses(rounds_of(mark))


def pytest_generate_tests(metafunc):
    mark = next(metafunc.definition.iter_markers("fault"), None)
    if mark and "losses" not in metafunc.fixturenames and rounds_of(mark) > 1:
        metafunc.fixturenames.append("fault_round")
        metafunc.parametrize("fault_round", range(1, rounds_of(mark) + 1), ids=lambda number: f"round{number}")


def pytest_collection_modifyitems(config, items):
    if faults.IS_SOAK:
        chosen = [item for item in items if item.get_closest_marker("fault")]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs a test that counts its losses, and then fails it for them."""
    counted = pyfuncitem.funcargs.get("losses")
    if not counted:
        return None
    pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames})
    assert not counted.what, f"{len(counted.what)} lost of {counted.requests}: {counted.what[:5]}"
    assert counted.done == counted.n, f"{counted.done} of {counted.n} rounds: the test does not use losses.rounds()"
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped or (report.passed and report.when != "call"):
        return
    counted = item.funcargs.get("losses") if hasattr(item, "funcargs") else None
    for mark in item.iter_markers("fault"):
        row = row_of(item, mark, counted, report.passed)
        add(item.config.stash[ROWS], dataclasses.replace(row, n=0) if report.when == "teardown" else row)


def row_of(item, mark, counted, passed):
    parameters = re.sub(r"-?\bround\d+\b-?", "", item.callspec.id) if hasattr(item, "callspec") else ""
    title = mark.args[1] + (f" ({parameters})" if parameters else "")
    row = faults.Row(mark.args[0], title, item.originalname, counted.done if counted else 1, result=faults.PASSED if passed else faults.FAILED)
    return dataclasses.replace(row, requests=counted.requests, lost=len(counted.what)) if counted else row


def add(rows, row):
    """Rounds of one test are one row."""
    known = rows.get(row.key())
    if not known:
        rows[row.key()] = row
        return
    known.n += row.n
    known.requests += row.requests
    known.lost += row.lost
    if row.result == faults.FAILED:
        known.result = faults.FAILED


def pytest_sessionfinish(session):
    rows = session.config.stash[ROWS]
    if rows:
        xml = session.config.option.xmlpath
        faults.save(os.path.basename(xml).removesuffix(".xml") if xml else "by-hand", list(rows.values()))
