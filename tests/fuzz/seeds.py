"""Writes the raw bytes of tests/http_cases as seeds: seeds.py FUZZER FOLDER. A fuzzer's leading choice bytes come first."""
import hashlib
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "http_cases"), str(TESTS / "integration/h2")]
import documents  # noqa: E402
import frames  # noqa: E402

# Fuzzer → (kinds of cases, choice bytes, whether only the body is wanted)
FUZZERS = {
    "h1_request_fuzz": (("request", "forward request"), b"", False),
    "differential": (("request", "forward request"), b"", False),
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


def sessions():
    """What clients of HTTP/2 send after the preface; two choice bytes first."""
    f, block = frames.frame, frames.block
    settings = f(frames.SETTINGS, 0, 0)
    get = f(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, block())
    post = f(frames.HEADERS, frames.END_HEADERS, 3, block(b"POST", b"/", (b"cookie", b"a"), (b"cookie", b"b"), (b"te", b"trailers")))
    body = f(frames.DATA, 0, 3, b"body") + f(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 3, frames.field(b"x-sum", b"4"))
    socket = f(frames.HEADERS, frames.END_HEADERS, 5, block(b"CONNECT", b"/", (b"sec-websocket-version", b"13")))
    other = (f(frames.PING, 0, 0, b"12345678") + f(frames.WINDOW, 0, 0, b"\0\0\0\1") + f(frames.PRIORITY, 0, 7, b"\0\0\0\1\x10")
             + f(frames.RST, 0, 3, b"\0\0\0\x08") + f(frames.GOAWAY, 0, 0, b"\0" * 8))
    split = f(frames.HEADERS, frames.END_STREAM, 7, block()[:20]) + f(frames.CONTINUATION, frames.END_HEADERS, 7, block()[20:])
    for choice in (b"\0\0", b"\1\4"):
        yield from (choice + settings + part for part in (get, post + body, socket, other, split, get + post + other + body))
    leaves = f(frames.GOAWAY, 0, 0, b"\0" * 8)
    yield b"\0\0" + settings + leaves + get + post + body  # found: how much of it is read depends on the pieces


def proxy_headers():
    yield from (b"PROXY TCP4 192.0.2.7 198.18.0.1 56324 443\r\n", b"PROXY TCP6 2001:db8::a ::ffff:198.18.0.1 1 2\r\n", b"PROXY UNKNOWN\r\n")
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    yield from (signature + b"\x20\0\0\0", signature + b"\x21\x11\0\x11" + bytes(12) + b"\4\0\2hi", signature + b"\x21\x21\0\x24" + bytes(36))


def seeds(fuzzer):
    if fuzzer == "proxy_header_fuzz":
        yield from proxy_headers()
    if fuzzer == "h2_session_fuzz":
        yield from sessions()
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
