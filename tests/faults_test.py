"""The table of fault cases keeps what it is given, and a case that lost something fails."""
import dataclasses
import os
import subprocess
import sys

import faults

ROW = faults.Row("C7", "B crashes | after it was promoted", "test_b", 20, 5000, 0, faults.PASSED, "2026-01-02", "2 × cpu, Linux 6")


def test_a_table_that_was_written_is_read_back():
    rows = [ROW, dataclasses.replace(ROW, id="C10", requests=0), dataclasses.replace(ROW, id="B1", result=faults.FAILED, lost=3, machine="other")]
    assert sorted(faults.parse(faults.render(rows)), key=faults.Row.order) == sorted(rows, key=faults.Row.order)
    assert [row.id for row in faults.parse(faults.render(rows))] == ["B1", "C7", "C10"]


def test_a_new_run_of_a_test_replaces_its_rows_and_no_others():
    other = dataclasses.replace(ROW, test="test_other")
    again = dataclasses.replace(ROW, n=3, what="said anew")
    assert faults.merged([ROW, other], [again]) == [other, again]


def test_the_newest_row_of_a_case_counts_and_sanitized_runs_do_not(tmp_path):
    faults.save("first", [dataclasses.replace(ROW, result=faults.FAILED)], tmp_path)
    faults.save("second", [ROW], tmp_path)
    os.utime(tmp_path / "first.json", (1, 1))
    assert [row.result for row in faults.saved(tmp_path)] == ([] if "SIDESTEP_SANITIZED" in os.environ else [faults.PASSED])


CASES = '''
import pytest

@pytest.mark.fault("X1", "holds", ci=2)
def test_holds(losses):
    for _ in losses.rounds():
        losses.served(10)

@pytest.mark.fault("X2", "loses one")
def test_loses(losses):
    for _ in losses.rounds():
        losses.lost("reset")

@pytest.mark.fault("X3", "is repeated", ci=4)
@pytest.mark.parametrize("size", [1, 2])
def test_repeated(size):
    pass

@pytest.mark.fault("X4", "forgets its rounds")
def test_forgets(losses):
    losses.served(1)
'''


def test_rounds_are_run_losses_fail_the_test_and_rows_are_left_behind(tmp_path):
    (tmp_path / "case_test.py").write_text(CASES)
    plugin = ("import sys; from pathlib import Path; sys.path.insert(0, sys.argv.pop(1)); import faults, pytest; "
              "faults.RESULTS = Path(sys.argv.pop(1)); faults.save.__defaults__ = (faults.RESULTS / 'faults',); "
              "import conftest; sys.exit(pytest.main(sys.argv[1:], plugins=[conftest]))")
    done = subprocess.run([sys.executable, "-c", plugin, str(faults.TOP / "tests"), str(tmp_path), "-q", "-p", "no:cacheprovider",
                           f"--rootdir={tmp_path}", str(tmp_path / "case_test.py")], capture_output=True, text=True, cwd=tmp_path,
                          env={key: value for key, value in os.environ.items() if key not in ("SIDESTEP_SOAK", "SIDESTEP_SANITIZED")})
    rows = {(row.id, row.what): (row.n, row.requests, row.lost, row.result) for row in faults.saved(tmp_path / "faults")}
    assert rows == {
        ("X1", "holds"): (2, 20, 0, faults.PASSED),
        ("X2", "loses one"): (3, 3, 3, faults.FAILED),
        ("X3", "is repeated (1)"): (4, 0, 0, faults.PASSED),
        ("X3", "is repeated (2)"): (4, 0, 0, faults.PASSED),
        ("X4", "forgets its rounds"): (0, 1, 0, faults.FAILED),
    }, done.stdout + done.stderr
    assert "3 lost of 3" in done.stdout and "0 of 3 rounds" in done.stdout


def test_a_test_of_many_cases_is_one_row_that_says_how_many_and_whether_one_failed():
    many = [faults.Row("D1", f"read in one way (case {n})", "test_d", 1) for n in range(30)]
    few = [faults.Row("D2", f"few ({n})", "test_e", 1) for n in range(3)]
    assert faults.folded(few) == few
    assert faults.folded(many + few)[0] == faults.Row("D1", "read in one way (30 cases)", "test_d", 1)
    many[7].result = faults.FAILED
    assert faults.folded(many) == [faults.Row("D1", "read in one way (30 cases, 1 failed)", "test_d", 1, result=faults.FAILED)]
