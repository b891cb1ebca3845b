"""Reads the documents in cases/ (see README.md)."""
import re
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "http_cases"))
import documents  # noqa: E402

CASE = re.compile(r"^## (?P<title>[^\n]*)\n```(?P<kind>request|answer)(?P<words>[^\n]*)\n(?P<bytes>.*?)^```\n```want\n(?P<want>.*?)^```$", re.M | re.S)
GENERATED = re.compile(r"\{(\d+) \* ([^{}]*)\}")


@dataclass(frozen=True)
class Case:
    theme: str
    title: str
    kind: str         # request: bytes of a client; answer: bytes of an app
    words: tuple      # cut; close, to METHOD, after
    bytes: bytes
    want: tuple       # lines

    def __str__(self):
        return re.sub(r"[^\w.-]+", "_", f"{self.theme}-{self.title}")

    @property
    def method(self):
        return self.words[self.words.index("to") + 1] if "to" in self.words else "GET"


def cases(*kinds):
    found = []
    for path in sorted((FOLDER / "cases").glob("*.md")):
        text = path.read_text()
        matches = list(CASE.finditer(text))
        assert len(matches) == text.count("\n## "), f"{path.name}: {text.count(chr(10) + '## ')} titles, {len(matches)} cases that could be read"
        for m in matches:
            data = documents.raw(GENERATED.sub(lambda g: g[2] * int(g[1]), m["bytes"]))
            found.append(Case(path.stem, m["title"], m["kind"], tuple(m["words"].split()), data, tuple(m["want"].splitlines())))
    return [case for case in found if case.kind in (kinds or ("request", "answer"))]
