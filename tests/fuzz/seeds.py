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
    "front_intake_fuzz": (("request",), b"\2", False),
}


def policies():
    """The policies of the manifests, and a line for each field with a default."""
    top = pathlib.Path(__file__).resolve().parents[2]
    for file in sorted(top.glob("manifests/**/*.yaml")):
        for part in file.read_bytes().split(b"\n---\n"):
            if b"kind: ReloadPolicy" in part:
                yield part
    yield b"rollout: {steps: [{pods: 1, weightPerTenThousand: 500, pauseSeconds: 3}, {pods: 25%}], maxConcurrentPods: 2}"
    yield b"readiness: {httpGet: {path: /r, host: h}, periodMilliseconds: 50, timeoutSeconds: 1}\nhold: {maxBytes: 16Mi}"
    yield b'{"selector": {"matchLabels": {"a": "b"}}, "config": [{"path": "/a", "mode": "Live"}], "strategy": {"type": "Hold"}}'


def calls():
    """Bodies of the control API, each with the part of the call that is changed."""
    bodies = (b'{"id": "a", "token": "t", "managed": true, "steps": [{"weightPerTenThousand": 500, "pauseSeconds": 3}], "deadlineSeconds": 60}',
              b'{"command": ["app"], "env": {"A": "b"}, "attach": "127.0.0.1:80", "force": true, "reason": "r", "requestedBy": "x"}',
              b'{"reload": "a", "weightPerTenThousand": 500}', b'{"reload": "a", "force": true, "reason": "why"}', b"",
              b'{"error": {"kind": "invalid", "message": "m"}}',
              b'{"version": "1", "active": {"generation": 1}, "retiring": [], "reload": {"receipt": {"requests": {"1": 2}}}}')
    for number, body in enumerate(bodies):
        yield bytes([number, number]) + body


def seeds(fuzzer):
    if fuzzer == "control_call_fuzz":
        yield from calls()
    if fuzzer == "policy_fuzz":
        yield from policies()
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
