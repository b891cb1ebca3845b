"""Writes the raw bytes of tests/http_cases as seeds: seeds.py FUZZER FOLDER. A fuzzer's leading choice bytes come first."""
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http_cases"))
import documents  # noqa: E402

# Fuzzer → (kinds of cases, choice bytes, whether only the body is wanted)
FUZZERS = {
    "h1_request_fuzz": (("request", "forward request"), b"", False),
    "h1_response_fuzz": (("response", "forward response"), b"\0", False),
    "h1_body_fuzz": (("request", "response"), b"\2\3", True),
}


def seeds(fuzzer):
    if fuzzer not in FUZZERS:
        return
    kinds, choice, only_body = FUZZERS[fuzzer]
    for case in documents.cases(*kinds):
        yield choice + (case.bytes.partition(b"\r\n\r\n")[2] if only_body else case.bytes)


def main():
    fuzzer, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    for data in seeds(fuzzer):
        (folder / ("seed-" + hashlib.sha1(data).hexdigest()[:16])).write_bytes(data)


if __name__ == "__main__":
    main()
