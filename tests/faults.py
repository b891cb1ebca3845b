"""The table of fault cases: what was provoked, how often, and what it cost. Written by the runs themselves.

A test says which case it proves (`@pytest.mark.fault("C7", "…")`, see conftest.py); each pytest session leaves its rows in
build/results/faults/*.json, and cases that are unit tests are found in GoogleTest's results by GTESTS. From these,

    faults.py TABLE.md      writes the table; rows of an older table stay where this run has none

where `make soak` writes docs/faults.md and every other run build/results/faults.md.
"""
import dataclasses
import json
import os
import platform
import re
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
RESULTS = TOP / "build" / "results"
IS_SOAK = os.environ.get("SIDESTEP_SOAK") == "1"
COLUMNS = ("id", "what", "test", "N", "requests", "lost", "result", "date", "machine")
PASSED, FAILED = "passed", "FAILED"
MOST_ROWS = 20  # of one test

# Cases that are proved by unit tests: id, what, test, in the order of the table.
GTESTS = [
    ("A4", "a new worker that fails at any point before its proof: the present one stays", "HandoverTest.AnyFailureBeforeTheProofLeavesThePresentWorker"),
    ("A5", "descriptors that do not come with the state: nothing changes hands", "HandoverPeersTest.DescriptorsThatDoNotComeAreAFailure"),
    ("A5", "the state is cut off at any byte: it is not used", "HandoverPeersTest.StateThatIsCutOffAtAnyByteIsNotUsed"),
    ("A7", "a new worker that does not prove itself in time is given up", "HandoverTest.AWorkerThatDoesNotProveItselfInTimeIsGivenUp"),
    ("B6", "a WebSocket is told with a Close frame when its generation ends", "PlaneTest.AWebSocketPassesAndIsToldWhenItsGenerationIsClosed"),
    ("B6", "a tunnel half-closes in both directions and loses no byte", "PlaneTest.ATunnelPassesBytesBothWaysAndHalfCloses"),
    ("B8", "100-continue is the app's to say", "PlaneTest.AnExpectationIsTheAppsToAnswer"),
    ("B8", "a refused expectation reaches the client; the body is not awaited", "PlaneTest.ARefusedExpectationEndsTheConnectionSinceTheBodyIsUnclear"),
    ("C2", "a POST whose connection dies half-way is never sent again", "PlaneTest.APostThatMayHaveBeenExecutedIsNotSentAgain"),
    ("C3", "bytes behind an answer reach no other client", "PlaneTest.BytesThatNobodyAskedForReachNoClient"),
    ("C5", "no request reaches A after the switch", "PlaneTest.NoRequestReachesTheOldGenerationAfterTheSwitchAndItBecomesIdle"),
    ("C11", "the share of a canary is exact over any 10,000 choices", "WeightChoiceTest.AnyTenThousandConsecutiveChoicesAreOffByAtMostOne"),
    ("C11", "a client that alternates meets the canary with both kinds of request", "WeightChoiceTest.NoKindOfRequestOfAPeriodicClientIsPreferred"),
    ("C11", "the share of a canary, through a plane", "PlaneTest.TheShareOfTheCandidateIsExactWithinOnePerTenThousand"),
    ("C13", "clients that give up, over HTTP/1 or HTTP/2, are no errors that a candidate is judged by", "PlaneTest.AClientThatGivesUpIsNoErrorOfTheApp"),
    ("C14", "retries are a share of the last ten seconds, with a floor", "RetryPolicyTest.TheBudgetIsAShareOfTheLastTenSecondsWithAFloor"),
    ("C15", "a connect that is refused makes the request wait", "PlaneTest.ARefusedConnectIsHeldUntilTheAppAnswers"),
    ("D6", "a head may fill its bound and not one byte more", "RequestTest.AHeadMayFillItsBoundAndNotOneByteMore"),
    ("D7", "WebSocket over HTTP/2, to an app of HTTP/1", "ClientH2Test.AWebSocketPassesOverHttp2"),
    ("D7", "WebSocket over HTTP/2, to an app of HTTP/2", "H2ToH2Test.AWebSocketPasses"),
    ("D8", "a client's half-close is no cancel", "PlaneTest.AHalfCloseIsNotACancel"),
    ("D9", "a cut request does not look whole to the app", "PlaneTest.ACutRequestDoesNotLookWholeToTheApp"),
    ("D9", "a cut answer does not look whole to the client", "PlaneTest.ACutAnswerDoesNotLookWhole"),
    ("D9", "the same over HTTP/2: a cut request", "ClientH2Test.ACutRequestDoesNotLookWholeToTheApp"),
    ("D9", "the same over HTTP/2: a cut answer", "ClientH2Test.ACutAnswerDoesNotLookWhole"),
    ("D10", "answers to HEAD, 204 and 304 have no body, whatever the app sends", "PlaneTest.AnswersToHeadAnd204And304HaveNoBody"),
    ("D10", "bodies without length, and trailers, pass both ways", "PlaneTest.ChunkedBodiesAndTrailersPassBothWays"),
    ("H3", "memory is shed in order: kept connections", "PlaneTest.ShortOfMemoryIdleClientsAreClosedAndAnswersSayThatTheConnectionCloses"),
    ("H3", "memory is shed in order: then new requests, with 503; those that wait are served", "PlaneTest.ShorterOfMemoryNewRequestsGet503AndThoseThatWaitAreServed"),
    ("H3", "memory is shed in order: then new connections, which wait in the kernel", "PlaneTest.ShortestOfMemoryNewConnectionsWaitAndAreServedLater"),
]


@dataclasses.dataclass
class Row:
    id: str
    what: str
    test: str
    n: int
    requests: int = 0
    lost: int = 0
    result: str = PASSED
    date: str = ""
    machine: str = ""
    preset: str = ""  # of the sanitizers; empty for what users run

    def key(self):
        return self.id, self.test, self.what

    def order(self):
        letters, number = re.fullmatch(r"([A-Z]+)(\d*)", self.id).groups()
        return letters, int(number or 0)


def machine():
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}"


def stamped(row):
    return dataclasses.replace(row, date=time.strftime("%Y-%m-%d"), machine=machine(),
                               preset=os.environ.get("SIDESTEP_SANITIZED", ""))


def save(name, rows, folder=RESULTS / "faults"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps([dataclasses.asdict(stamped(row)) for row in rows], indent=1))


def saved(folder=RESULTS / "faults"):
    """Rows of all sessions, the newest of each case."""
    newest = {}
    for file in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime):
        for fields in json.loads(file.read_text()):
            row = Row(**fields)
            if not row.preset:
                newest[row.key()] = row
    return list(newest.values())


def unit_rows(results=RESULTS):
    """Rows of GTESTS that ran, from GoogleTest's results; repeated runs are named NAME-xN.xml."""
    found = {}
    for xml in sorted(results.glob("release-*.xml"), key=lambda path: path.stat().st_mtime):
        repeats = re.search(r"-x(\d+)$", xml.stem)
        for case in ElementTree.parse(xml).getroot().iter("testcase"):
            bad = case.find("failure") is not None
            found[f"{case.get('classname')}.{case.get('name')}"] = (int(repeats[1]) if repeats else 1, FAILED if bad else PASSED)
    return [stamped(Row(case, what, test, found[test][0], result=found[test][1])) for case, what, test in GTESTS if test in found]


def render(rows):
    """The table. Machines are numbered below it, since a row has to fit a screen."""
    machines = sorted({row.machine for row in rows})
    lines = ["# Fault cases", "",
             "Written by `make soak` (tests/faults.py). N: how often the case was provoked. Requests: those that clients sent meanwhile;"
             " lost: those that a client saw fail", "although the app had not failed them itself. A dash: the case counts something else, which the test checks.", "",
             "| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    for row in sorted(rows, key=lambda row: (row.order(), row.what)):
        requests = (row.requests, row.lost) if row.requests else ("–", "–" if not row.lost else row.lost)
        cells = (row.id, row.what.replace("|", "\\|"), f"`{row.test}`", row.n, *requests, row.result, row.date, f"[{machines.index(row.machine) + 1}]")
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    lines += ["", *(f"[{number}]: {name}  " for number, name in enumerate(machines, 1)), ""]
    return "\n".join(lines)


def parse(text):
    """The rows of a table that render() wrote."""
    machines = dict(re.findall(r"^(\[\d+\]): (.*?) *$", text, re.M))
    rows = []
    for line in text.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if len(cells) != len(COLUMNS) or cells[0] == COLUMNS[0] or set(cells[0]) == {"-"}:
            continue
        count = [int(cell) if cell.isdigit() else 0 for cell in cells[3:6]]
        rows.append(Row(cells[0], cells[1], cells[2].strip("`"), *count, cells[6], cells[7], machines[cells[8]]))
    return rows


def folded(rows):
    """A test of hundreds of cases is one row."""
    tests = {}
    for row in rows:
        tests.setdefault((row.id, row.test), []).append(row)
    kept = []
    for same in tests.values():
        if len(same) > MOST_ROWS:
            failed = [row for row in same if row.result == FAILED]
            what = f"{same[0].what.rpartition(' (')[0]} ({len(same)} cases{f', {len(failed)} failed' if failed else ''})"
            same = [dataclasses.replace(same[0], what=what, n=min(row.n for row in same), requests=sum(row.requests for row in same),
                                        lost=sum(row.lost for row in same), result=FAILED if failed else PASSED)]
        kept += same
    return kept


def merged(old, new):
    """Old rows stay unless the same test ran again."""
    ran = {(row.id, row.test) for row in new}
    return [row for row in old if (row.id, row.test) not in ran] + new


def write(path):
    """Returns the rows of this run that failed."""
    new = folded(saved()) + unit_rows()
    old = parse(path.read_text()) if path.exists() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(merged(old, new)))
    return [row for row in new if row.result == FAILED]


if __name__ == "__main__":
    sys.exit(1 if write(Path(sys.argv[1])) else 0)
