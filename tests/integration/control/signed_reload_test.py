"""POST /reload over TCP, as a CI system calls it: a shared key, and openssl's own HMAC."""
import hashlib
import http.client
import json
import secrets
import subprocess
import time

KEY = "0123456789abcdef-of-the-shop"


def signed_call(one, body: dict, query: str = "", key: str = KEY, nonce: str = "") -> tuple[int, dict, dict]:
    text, now, nonce = json.dumps(body), str(int(time.time() * 1000)), nonce or secrets.token_hex(16)
    signed = f"sidestep-call-v1\nPOST\n/reload{query}\n{hashlib.sha256(text.encode()).hexdigest()}\n{now} {nonce}"
    done = subprocess.run(["openssl", "dgst", "-sha256", "-hmac", key], input=signed.encode(), capture_output=True, check=True)
    fields = {"X-Auth-Time": now, "X-Auth-Nonce": nonce, "X-Auth-Sign": done.stdout.decode().split()[-1]}
    return (*send(one, text, fields, query), (text, fields))


def send(one, text: str, fields: dict, query: str = "") -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", one.control_port, timeout=30)
    connection.request("POST", f"/reload{query}", text, fields)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_signed_call_reloads_once_waits_and_says_the_verdict(start, tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/one").write_text(KEY + "\n")
    one = start("--reload-keys", str(tmp_path / "keys"))
    status, answer, _ = signed_call(one, {"token": "build-1", "reason": "CI"}, "?wait=20")
    assert (status, answer["phase"], answer["reason"]) == (200, "Succeeded", "Promoted"), answer
    assert signed_call(one, {"token": "build-1"})[1]["reload"] == answer["reload"], "the same token is the same reload"
    again, _, (text, fields) = signed_call(one, {"token": "build-2", "command": ["/bin/false"]}, "?wait=20")
    assert again == 200, "a command is not taken from a caller, and the app's own one works"
    assert send(one, text, fields, "?wait=20")[0] == 401, "a replay"
    assert signed_call(one, {"token": "x"}, key=KEY + "x")[0] == 401
    assert send(one, "{}", {})[0] == 401
    connection = http.client.HTTPConnection("127.0.0.1", one.control_port, timeout=10)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read().decode()
    for reason in ("replayed", "bad_signature", "unsigned"):
        assert f'sidestep_control_refused_total{{reason="{reason}"}} 1' in metrics, metrics


def test_without_keys_nobody_may_call(start):
    status, answer, _ = signed_call(start(), {})
    assert status == 401 and "--reload-keys" in answer["error"]["message"]
