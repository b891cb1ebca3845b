"""Writes the raw bytes of tests/http_cases as seeds: seeds.py FUZZER FOLDER. A fuzzer's leading choice bytes come first."""
import hashlib
import pathlib
import re
import sys

CASES = pathlib.Path(__file__).resolve().parent.parent / "http_cases"
BLOCK = re.compile(r"^```in (?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
# Fuzzer → (kinds of cases, choice bytes, whether only the body is wanted)
FUZZERS = {
    "h1_request_fuzz": (("request", "forward request"), b"", False),
    "h1_response_fuzz": (("response", "forward response"), b"\0", False),
    "h1_body_fuzz": (("request", "response"), b"\2\3", True),
}


def raw(text):
    """The bytes that a block stands for; see tests/http_cases/README.md."""
    text = re.sub(r"(?<!\\)\n", "\r\n", text).replace("\\\n", "")
    return re.sub(r"\\(?:x(..)|(.))", lambda m: chr(int(m[1], 16)) if m[1] else ESCAPES[m[2]], text).encode("latin-1")


def seeds(fuzzer):
    kinds, choice, only_body = FUZZERS.get(fuzzer, ((), b"", False))
    for document in sorted(CASES.glob("*.md")):
        if document.name == "README.md":
            continue
        for block in BLOCK.finditer(document.read_text()):
            if block["kind"].startswith(kinds):
                data = raw(block["text"])
                yield choice + (data.partition(b"\r\n\r\n")[2] if only_body else data)


def main():
    fuzzer, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    for data in seeds(fuzzer):
        (folder / ("seed-" + hashlib.sha1(data).hexdigest()[:16])).write_bytes(data)


if __name__ == "__main__":
    main()
