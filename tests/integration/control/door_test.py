"""The control port under attack: slow, large and ambiguous requests, and signed commands that are not quite right."""
import base64
import hashlib
import json
import os
import secrets
import socket
import subprocess
import time

import pytest


def raw(port, *parts, patience=5):
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as s:
        for part in parts:
            s.sendall(part)
        s.settimeout(patience)
        got = b""
        while True:
            more = s.recv(65536)
            if not more:
                return got
            got += more


@pytest.mark.parametrize("request_bytes,status", [
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"POST /v1/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
    (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20000 + b"\r\n\r\n", 431),
    (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    (b"POST /v1/reload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 0\r\n\r\n", 415),
])
def test_what_is_malformed_is_answered_by_the_door(start, request_bytes, status):
    one = start()
    answer = raw(one.control_port, request_bytes)
    assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer
    assert b"Connection: close" in answer
    assert one.call("GET", "/healthz", over_tcp=True).status == 200


def test_slow_heads_are_cut_and_others_served_meanwhile(start):
    one = start("--control-head-timeout", "500ms")
    slow = [socket.create_connection(("127.0.0.1", one.control_port)) for _ in range(20)]
    for s in slow:
        s.sendall(b"GET /healthz HT")
    assert one.call("GET", "/healthz", over_tcp=True).status == 200
    for s in slow:
        s.settimeout(10)
        assert s.recv(65536).startswith(b"HTTP/1.1 408")
        s.close()


def test_one_address_cannot_take_every_place(start):
    one = start("--control-max-per-source", "4")
    held = [socket.create_connection(("127.0.0.1", one.control_port)) for _ in range(4)]
    one.until(lambda: not healthy(one), "the fifth to be turned away")
    assert one.cli("status").returncode == 0, "the local user has places of its own"
    for s in held:
        s.close()
    one.until(lambda: healthy(one), "the places to be free again")


def healthy(one):
    try:
        return one.call("GET", "/healthz", over_tcp=True).status == 200
    except OSError:
        return False


class Operator:
    """Signs as docs/contracts.md says, with a key made by the openssl program."""

    def __init__(self, folder):
        self.key = folder / "key.pem"
        self.trust = folder / "trust"
        self.trust.mkdir()
        run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True).stdout  # noqa: E731
        run("genpkey", "-algorithm", "ed25519", "-out", str(self.key))
        der = run("pkey", "-in", str(self.key), "-pubout", "-outform", "DER")
        self.id = hashlib.sha256(der).hexdigest()[:16]
        (self.trust / f"{self.id}.pem").write_bytes(run("pkey", "-in", str(self.key), "-pubout"))
        self.folder = folder

    def headers(self, method, target, body, boot, pod="pod-1", epoch=1, now=None, nonce=None):
        now, nonce = now or int(time.time() * 1000), nonce or secrets.token_hex(16)
        text = f"sidestep-v1\n{method}\n{target}\n{hashlib.sha256(body.encode()).hexdigest()}\n{now} {nonce} {epoch} lease-1 {pod} {boot}"
        (self.folder / "text").write_text(text)
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(self.key), "-in", str(self.folder / "text")],
                                   check=True, capture_output=True).stdout
        return {"Sidestep-Key": self.id, "Sidestep-Time": str(now), "Sidestep-Nonce": nonce, "Sidestep-Epoch": str(epoch),
                "Sidestep-Lease": "lease-1", "Sidestep-Pod": pod, "Sidestep-Boot": boot,
                "Sidestep-Signature": base64.b64encode(signature).decode()}


@pytest.fixture
def steered(start, tmp_path):
    operator = Operator(tmp_path)
    one = start("--trust-dir", str(operator.trust), "--pod-uid", "pod-1")
    return one, operator, one.call("GET", "/healthz", over_tcp=True).headers["Sidestep-Boot"]


def signed(steered, method, target, body="", **spoiled):
    one, operator, boot = steered
    headers = operator.headers(method, target, body, **{"boot": boot, **spoiled})
    return one.call(method, target, body, over_tcp=True, headers=headers)


def test_signed_command_is_obeyed_and_answered_for_this_pod(steered):
    answer = signed(steered, "POST", "/v1/reload", '{"id":"op-1"}', nonce="ab" * 16)
    assert (answer.status, answer.json()) == (202, {"reload": "op-1"})
    assert answer.headers["Sidestep-Pod"] == "pod-1"
    assert answer.headers["Sidestep-Boot"] == steered[2]
    assert answer.headers["Sidestep-Nonce"] == "ab" * 16
    status = signed(steered, "GET", "/v1/status?wait=30&reload=op-1").json()
    assert status["reload"]["phase"] == "Succeeded"
    assert status["reload"]["output"] == [], "output does not leave the pod"


def test_what_is_not_quite_right_is_refused_and_counted(steered):
    one = steered[0]
    same = "cd" * 16
    assert signed(steered, "POST", "/v1/pause", "{}", nonce=same).status in (200, 409)
    assert signed(steered, "POST", "/v1/pause", "{}", nonce=same).status == 401
    assert signed(steered, "POST", "/v1/pause", "{}", pod="pod-2").status == 401
    assert signed(steered, "POST", "/v1/pause", "{}", boot="0" * 32).status == 401
    assert signed(steered, "POST", "/v1/pause", "{}", now=int(time.time() * 1000) - 31_000).status == 401
    assert signed(steered, "POST", "/v1/pause", "{}", epoch=5).status in (200, 409)
    stale = signed(steered, "POST", "/v1/pause", "{}", epoch=4)
    assert (stale.status, stale.json()["error"]["kind"]) == (409, "stale")
    metrics = one.call("GET", "/metrics", over_tcp=True).text
    for reason in ("replayed", "wrong_pod", "wrong_boot", "too_old", "stale"):
        assert f'sidestep_control_refused_total{{reason="{reason}"}} 1\n' in metrics


def test_signed_command_may_not_bring_a_command_line(steered):
    for body in ({"command": ["sh"]}, {"env": {"A": "1"}}, {"attach": "127.0.0.1:1"}):
        assert signed(steered, "POST", "/v1/reload", json.dumps(body)).status == 403
    assert signed(steered, "POST", "/v1/pod-ending", "{}").status == 403


def test_socket_is_for_its_owner_alone(start):
    one = start()
    assert os.stat(one.control).st_mode & 0o777 == 0o600
    assert os.stat(one.control + ".api").st_mode & 0o777 == 0o600
