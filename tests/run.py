#!/usr/bin/python3
"""Runs the project's tests and ends with one line: N passed, N failed.

usage: run.py SUITE...      suites: rules unit go integration kube sanitizers fuzz image e2e, or all; and soak, which all leaves out

Every suite is a command that leaves its counts behind (GoogleTest and pytest as JUnit XML, go test as JSON lines, others by
their exit code), so that what is printed at the end was counted and not guessed. With CI=true a skipped test fails the run,
unless the machine cannot run it and the test says so with the word "cannot".
"""
import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import faults
from counting import TOP, Counts, command_counts, failed_cases, junit_counts, lane, run

PYTHON = "/usr/bin/python3"
RESULTS = TOP / "build" / "results"
TSAN_SUPPRESSIONS = "suppressions=/tmp/sidestep-tsan.supp"  # where processes of other users can read it
JOBS = str(os.cpu_count() or 2)


def pytest(name, *paths, env=None, timeout=3600, second_try=True, at_once=1):
    """Runs pytest on the paths, `at_once` files at a time, each process with fixtures of its own. Tests with real processes share
    a machine with others: up to five that failed are tried once more, alone; one that passes then is counted as passed and
    named as FLAKY, so that nobody overlooks it."""
    present = [str(path) for path in paths if (TOP / path).exists()]
    if not present:
        return Counts(0, 1, 0, [f"{name}: nothing at {paths}"])

    def attempt(xml, what, at_once=1):
        xml.unlink(missing_ok=True)
        what = ["-n", str(at_once), "--dist=loadfile", *what] if at_once > 1 else what
        return run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=10", f"--junitxml={xml}", *what],
                   env=env, timeout=timeout)

    xml = RESULTS / f"{name}.xml"
    counts = junit_counts(name, xml, attempt(xml, present, at_once))
    again = failed_cases(xml)
    if not second_try or not 0 < len(again) <= 5 or counts.failed != len(again):
        return counts
    retried_xml = RESULTS / f"{name}-again.xml"
    retried = junit_counts(f"{name}-again", retried_xml, attempt(retried_xml, again))
    still = set(failed_cases(retried_xml)) if retried_xml.exists() else set(again)
    for case in again:
        if case not in still:
            print(f"    FLAKY {name}: {case} passed at the second try", flush=True)
    counts.passed += retried.passed
    counts.failed, counts.failures = retried.failed, retried.failures
    return counts


def gtest(preset, folder):
    """Every unit-test program of a preset."""
    total = Counts()
    # kube_client_test is started by tests/integration/kube, beside an API server.
    programs = sorted(path for path in (folder / "tests").glob("*_test")
                      if os.access(path, os.X_OK) and path.name != "kube_client_test")
    for program in programs:
        name = f"{preset}-{program.name}"
        xml = RESULTS / f"{name}.xml"
        xml.unlink(missing_ok=True)
        code = run([str(program), f"--gtest_output=xml:{xml}"], timeout=600, env={
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1",
            "TSAN_OPTIONS": f"halt_on_error=0:second_deadlock_stack=1:{TSAN_SUPPRESSIONS}"})
        total.add(junit_counts(name, xml, code))
    if not programs:
        total.add(Counts(0, 1, 0, [f"{preset}: no test programs in {folder}"]))
    return total


def build(preset):
    code = run(["make", "-s", "build"]) if preset == "release" else (
        run(["cmake", "--preset", preset]) or run(["cmake", "--build", "--preset", preset, "-j", JOBS]))
    return [] if code == 0 else [f"build of preset {preset}: exit code {code}"]


def go(command, name, folder):
    script = TOP / "tests/tools/go.sh"
    binary = subprocess.run([script], capture_output=True, text=True, cwd=TOP).stdout.strip()
    return command_counts(name, [binary, "-C", str(folder), *command])


def suite_rules():
    return pytest("rules", *[f"tests/{path.name}" for path in sorted((TOP / "tests").glob("*_test.py"))], second_try=False)


def suite_unit():
    broken = build("release")
    return Counts(0, 1, 0, broken) if broken else gtest("release", TOP / "build/release")


def suite_go():
    total = Counts()
    for folder in ("examples/shop", "tests/load", "tests/fuzz/differential", "tests/integration/grpc/echo",
                   "bench/operator/crowd"):
        total.add(go(["vet", "./..."], f"go vet {folder}", folder))
        total.add(go(["test", "-count=1", "./..."], f"go test {folder}", folder))
    return total


def programs_of(folder):
    return {"SIDESTEP_BIN": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}


INTEGRATION = ("launch", "reload", "control", "plane", "h2", "load", "grpc", "faults", "tls", "upgrade")


def integration(name, folder, env=None, parts=INTEGRATION, **options):
    """Each folder is a run of its own: they have fixtures of the same names."""
    total = Counts()
    for part in parts:
        total.add(pytest(f"{name}-{part}", f"tests/integration/{part}", env={**programs_of(folder), **(env or {})},
                         **{"timeout": 1200, **options}))
    return total


def build_for_integration():
    return build("release") or ([] if run(["tests/load/build.sh"]) == 0 else ["build of the load generator"])


def suite_integration():
    broken = build_for_integration()
    if broken:
        return Counts(0, 1, 0, broken)
    counts = integration("integration", TOP / "build/bin")
    faults.write(RESULTS / "faults.md")
    return counts


def repeated(program, chosen, repeats):
    """Runs some cases of a unit-test program again and again, up to the first failure; its results are the last run's."""
    xml = RESULTS / f"release-{program.name}-x{repeats}.xml"
    for _ in range(repeats):
        code = run([str(program), f"--gtest_filter={':'.join(chosen)}", f"--gtest_output=xml:{xml}"], timeout=600)
        if code != 0:
            break
    return junit_counts(f"soak-{program.name}", xml, code)


def suite_soak():
    """Every fault case with its full number of repeats, once and without a second try, into docs/faults.md."""
    broken = build_for_integration()
    if broken:
        return Counts(0, 1, 0, broken)
    for old in [*(RESULTS / "faults").glob("*.json"), *RESULTS.glob("release-*.xml")]:
        old.unlink()
    parts = [part for part in INTEGRATION
             if any("mark.fault(" in path.read_text() for path in (TOP / "tests/integration" / part).glob("*_test.py"))]
    total = integration("soak", TOP / "build/bin", {"SIDESTEP_SOAK": "1"}, parts, timeout=7200, second_try=False)
    for program in sorted((TOP / "build/release/tests").glob("*_test")):
        listed = subprocess.run([program, "--gtest_list_tests"], capture_output=True, text=True, cwd=TOP).stdout
        chosen = [test for _, _, test in faults.GTESTS if f"{test.partition('.')[0]}.\n" in listed]
        if chosen:
            total.add(repeated(program, chosen, repeats=20))
    total.add(on_a_node("soak-e2e", env={"SIDESTEP_SOAK": "1"}, second_try=False))
    faults.write(TOP / "docs/faults.md")
    return total


def suite_kube():
    if run(["tests/tools/deps.sh", "cluster"]) or run(["tests/e2e/cluster/tools/build.sh"], timeout=3000):
        return Counts(0, 1, 0, ["kube: Kubernetes could not be built"])
    return pytest("kube", "tests/integration/kube", env={**programs_of(TOP / "build/bin"),
                                                         "SIDESTEP_BUILD": str(TOP / "build/release")}, at_once=2)


def suite_sanitizers():
    total = Counts()
    suppressions = Path(TSAN_SUPPRESSIONS.partition("=")[2])
    suppressions.write_text((TOP / "tests/support/tsan.supp").read_text())
    suppressions.chmod(0o644)
    for preset in ("asan", "tsan"):
        broken = build(preset)
        if broken:
            total.add(Counts(0, 1, 0, broken))
            continue
        total.add(gtest(preset, TOP / "build" / preset))
        total.add(integration(f"integration-{preset}", TOP / "build" / preset / "bin", {
            "SIDESTEP_SANITIZED": preset, "ASAN_OPTIONS": "detect_leaks=0",
            "TSAN_OPTIONS": f"halt_on_error=0:exitcode=66:{TSAN_SUPPRESSIONS}"}))
    return total


def suite_fuzz():
    # With what other tests leave of the machine: how long each runs is what counts.
    return command_counts("fuzz", ["nice", "-n", "19", "tests/fuzz/run.sh", os.environ.get("FUZZ_SECONDS", "20")], timeout=1500)


def suite_image():
    if run(["tests/tools/deps.sh", "image"]):
        return Counts(0, 1, 0, ["image: buildah could not be installed"])
    return pytest("image", "tests/image", timeout=1800, second_try=False)


def on_a_node(name, **options):
    if run(["tests/tools/deps.sh", "cluster"]) or run(["tests/e2e/cluster/tools/build.sh"], timeout=3000):
        return Counts(0, 1, 0, [f"{name}: Kubernetes could not be built"])
    return pytest(name, "tests/e2e", timeout=2700, **options)


def suite_e2e():
    return on_a_node("e2e")


def passed_tests():
    """Names that promises may give to the tests that passed in this run."""
    import guarantees_test
    names = set()
    for xml in RESULTS.glob("*.xml"):
        for case in ElementTree.parse(xml).getroot().iter("testcase"):
            if case.get("status") == "notrun" or any(case.find(bad) is not None for bad in ("failure", "error", "skipped")):
                continue
            names |= guarantees_test.names_of(case.get("classname", ""), case.get("name", ""))
    return names


def unproved_promises():
    """Promises of docs/guarantees.md whose tests did not all run and pass."""
    sys.path.insert(0, str(TOP / "tests"))
    import guarantees_test
    ran = passed_tests()
    return [f"promise not proved: {promise} ({test})"
            for promise, tests in guarantees_test.promises((TOP / "docs/guarantees.md").read_text())
            for test in tests if test not in ran]


SUITES = {  # name: (function, what it does, minutes warm)
    "rules": (suite_rules, "the repository's own rules", 1),
    "unit": (suite_unit, "build, unit tests", 3),
    "go": (suite_go, "the example app and the load generator", 1),
    "integration": (suite_integration, "real processes on loopback", 5),
    "kube": (suite_kube, "a real kube-apiserver and etcd", 6),
    "sanitizers": (suite_sanitizers, "unit and integration under address, undefined and thread sanitizers", 14),
    "fuzz": (suite_fuzz, "every fuzzer for 20 s", 4),
    "image": (suite_image, "both container images from the Dockerfile", 2),
    "e2e": (suite_e2e, "a real Kubernetes node with real pods under load", 12),
    "soak": (suite_soak, "every fault case 20 times, into docs/faults.md", 120),
}
ALL = [name for name in SUITES if name != "soak"]
# Done at the same time, after all others: pods spend most of their time waiting, and what finds faults in memory asks for no
# figures. The second lane takes what the first one leaves of the machine.
LANES = (["e2e", "fuzz"], ["sanitizers", "image"])
ALONE = [name for name in ALL if not any(name in names for names in LANES)]


def minutes_of(names):
    """How long the suites take when everything is built."""
    def one_by_one(suites):
        return sum(SUITES[name][2] for name in suites)
    return one_by_one(names) if names != ALL else one_by_one(ALONE) + max(one_by_one(lane_names) for lane_names in LANES)


def counted(name):
    """Runs one suite and says what it came to."""
    function, what, _ = SUITES[name]
    print(f"--- {name}: {what}", flush=True)
    began = time.monotonic()
    counts = function()
    print(f"    {name}: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped in {time.monotonic() - began:.0f} s",
          flush=True)
    return counts


def at_the_same_time(lanes):
    """Each lane's suites one after the other, beside those of the others; the first lane has the right of way."""
    total, lock = Counts(), threading.Lock()

    def work(names, prefix):
        lane.prefix = prefix
        for name in names:
            try:
                counts = counted(name)
            except Exception as error:  # a lane that broke must not end as one that passed
                counts = Counts(0, 1, 0, [f"{name}: {error!r}"])
            with lock:
                total.add(counts)

    run(["tests/tools/deps.sh", "cluster", "image"])  # the lanes would both ask for packages
    threads = [threading.Thread(target=work, args=(names, ["nice", "-n", "10"] if i else [])) for i, names in enumerate(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return total


def main():
    names = sys.argv[1:] or ["all"]
    names = ALL if names == ["all"] else names
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        print(f"run.py: no suite {unknown[0]}; there are: {' '.join(SUITES)}", file=sys.stderr)
        return 2
    minutes = minutes_of(names)
    print(f"Running {', '.join(names)}: about {minutes} min warm; the first time building takes some 20 min more.", flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    if names == ALL:
        for old in RESULTS.glob("*.xml"):
            old.unlink()
    if run(["tests/tools/deps.sh", "build", "test"]) != 0:
        print("0 passed, 1 failed")
        return 1
    total = Counts()
    for name in ALONE if names == ALL else names:
        total.add(counted(name))
    if names == ALL:
        total.add(at_the_same_time(LANES))
        unproved = unproved_promises()
        total.add(Counts(0 if unproved else 1, len(unproved), 0, unproved))
    (RESULTS / "summary.json").write_text(json.dumps(dataclasses.asdict(total), indent=1))
    for failure in total.failures:
        print(f"FAILED {failure}")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
