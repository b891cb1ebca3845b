"""Every promise in docs/guarantees.md names a test, and that test exists.

That it also ran and passed is checked at the end of a full run (tests/run.py), from the counted results.
"""
import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def promises(text):
    """(promise, [test names]) for each row of the tables."""
    rows = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return [(row[0].strip(), re.findall(r"`([^`]+)`", row[1])) for row in rows if len(row) == 2 and "---" not in row[0]
            and row[1].strip() != "proved by"]


def known_tests():
    names = set()
    for path in (TOP / "tests").rglob("*_test.py"):
        names |= set(re.findall(r"^\s*def (test_\w+)", path.read_text(), re.M))
    for path in (TOP / "tests").rglob("*_test.cc"):
        names |= {f"{suite}.{case}" for suite, case in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", path.read_text(), re.M)}
    for path in TOP.glob("tests/load/**/*_test.go"):
        names |= set(re.findall(r"^func (Test\w+)", path.read_text(), re.M))
    return names


def names_of(classname, name):
    """What a promise may call a case of a result file: `Suite.Case` of GoogleTest, where parameters stand on both sides
    (classname Inject/Golden, name Case/deployment), and `test_name` of pytest without [parameters]."""
    case = name.split("[")[0].split("/")[0]
    return {case, f"{classname.rpartition('/')[2]}.{case}"}


def missing(text, known):
    problems = []
    for promise, tests in promises(text):
        if not tests:
            problems.append(f"{promise}: names no test")
        problems += [f"{promise}: there is no test {test}" for test in tests if test not in known]
    return problems


def test_every_promise_names_tests_that_exist():
    text = (TOP / "docs/guarantees.md").read_text()
    assert len(promises(text)) >= 20
    assert missing(text, known_tests()) == []


def test_a_promise_without_a_test_is_found():
    text = "| promise | proved by |\n| --- | --- |\n| never fails | `NoSuch.Test` |\n| is fast | hope |\n"
    assert missing(text, known_tests()) == ["never fails: there is no test NoSuch.Test", "is fast: names no test"]


def test_a_case_with_parameters_proves_by_its_plain_name():
    assert "Golden.AgainChangesNothing" in names_of("Inject/Golden", "AgainChangesNothing/deployment")
    assert "Plain.Case" in names_of("Plain", "Case")
    assert "test_one" in names_of("tests.integration.one_test", "test_one[h2-1/2]")
