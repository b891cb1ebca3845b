"""Reads the documents beside it (see README.md): for tests and seeds that are not written in C++."""
import pathlib
import re
from dataclasses import dataclass

FOLDER = pathlib.Path(__file__).resolve().parent
CASE = re.compile(
    r"^## (?P<title>[^\n]*)\n```in (?P<kind>[^\n]*)\n(?P<bytes>.*?)^```\n```out\n(?P<out>.*?)^```$", re.MULTILINE | re.DOTALL)
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


@dataclass(frozen=True)
class Case:
    document: str
    title: str
    kind: str
    bytes: bytes
    out: list[str]


def raw(text):
    """The bytes that an `in` block stands for."""
    text = re.sub(r"(?<!\\)\n", "\r\n", text).replace("\\\n", "")
    return re.sub(r"\\(?:x(..)|(.))", lambda m: chr(int(m[1], 16)) if m[1] else ESCAPES[m[2]], text).encode("latin-1")


def cases(*kinds):
    """Those whose kind begins with one of `kinds`, in the order of the documents."""
    return [Case(path.stem, m["title"], m["kind"], raw(m["bytes"]), m["out"].splitlines())
            for path in sorted(FOLDER.glob("*.md")) for m in CASE.finditer(path.read_text())
            if m["kind"].startswith(kinds)]
