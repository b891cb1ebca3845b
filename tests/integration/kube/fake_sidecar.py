"""Sidecars as docs/contracts.md describes them, one per loopback address: they check every signature, follow the
protocol of a managed reload, and remember what they were told. No app runs behind them."""
import base64
import hashlib
import json
import secrets
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 18086
START_SECONDS = 0.15


class Sidecar:
    """`candidate` says what becomes of the next candidates: good, exits, late (never ready)."""

    def __init__(self, uid: str, address: str, public_pem: str):
        self.uid, self.address = uid, address
        self.hangs = threading.Event()  # set: requests are read and never answered
        self.checks = True  # False: signatures are believed, for measurements
        self.first_command_at: dict[str, float] = {}  # by token, monotonic
        self.boot, self.epoch, self.candidate = secrets.token_hex(16), 0, "good"
        self.errors = 0  # of 500 requests of a candidate
        self.latency: dict[str, dict] = {}  # "active", "candidate": as reload.judged tells it
        self.promotes_itself = False  # as under strategy Hold: a candidate that is ready is active
        self.sources: dict[str, dict[str, str]] = {}  # what its mounts hold: "ConfigMap/name" -> key -> value
        self.generation, self.run, self.commands, self.refusals, self.nonces = 1, None, [], [], set()
        self._lock = threading.RLock()
        self._folder = tempfile.TemporaryDirectory(prefix="sidestep-fake-")
        self._key = Path(self._folder.name) / "key.pem"
        self._key.write_text(public_pem)
        handler = type("Handler", (Handler,), {"sidecar": self})
        self._server = ThreadingHTTPServer((address, PORT), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.hangs.clear()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def restart(self) -> None:
        """The proxy begins anew: another boot id, and what it did not promote is gone."""
        with self._lock:
            self.boot = secrets.token_hex(16)
            if self.run and self.run["phase"] in ("Starting", "Judging"):
                self._end("Interrupted", "Interrupted", "the proxy was restarted")

    def told(self, path: str) -> list[dict]:
        with self._lock:
            return [body for command, body in self.commands if command == path]

    def refusal_of(self, method: str, path: str, body: bytes, headers) -> str:
        """Why the command is refused; empty when it is obeyed."""
        epoch = int(headers.get("Sidestep-Epoch", "0"))
        text = "\n".join(["sidestep-v1", method, path, hashlib.sha256(body).hexdigest(),
                          " ".join(headers.get(f"Sidestep-{name}", "") for name in ("Time", "Nonce", "Epoch", "Lease", "Pod", "Boot"))])
        with self._lock:
            if headers.get("Sidestep-Pod") != self.uid or headers.get("Sidestep-Boot") != self.boot:
                return "wrong pod or boot"
            if abs(int(headers.get("Sidestep-Time", "0")) - time.time() * 1000) > 30_000:
                return "time"
            if headers["Sidestep-Nonce"] in self.nonces:
                return "replay"
            if not self._verify(text, headers.get("Sidestep-Signature", "")):
                return "signature"
            if epoch < self.epoch:
                return "stale"
            self.nonces.add(headers["Sidestep-Nonce"])
            self.epoch = epoch
        return ""

    def _verify(self, text: str, signature: str) -> bool:
        if not self.checks:
            return True
        with tempfile.NamedTemporaryFile() as message, tempfile.NamedTemporaryFile() as proof:
            message.write(text.encode()), message.flush()
            proof.write(base64.b64decode(signature)), proof.flush()
            return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(self._key), "-rawin", "-in",
                                   message.name, "-sigfile", proof.name], capture_output=True).returncode == 0

    def command(self, path: str, body: dict) -> tuple[int, dict]:
        with self._lock:
            self._turn()
            path, _, query = path.partition("?")
            self.commands.append((path, {**body, "query": query}))
            self.first_command_at.setdefault(body.get("token", ""), time.monotonic())
            run = self.run
            if path == "/v1/policy":
                return 200, {}
            if path == "/v1/reload":
                if run and run["id"] == body["id"]:
                    return 202, {"reload": body["id"]}
                if run and run["phase"] in ("Starting", "Judging"):
                    return 409, {"error": {"kind": "conflict", "message": "another reload runs"}}
                self.run = {"id": body["id"], "token": body["token"], "phase": "Starting", "reason": "", "message": "",
                            "generation": self.generation + 1, "weightPerTenThousand": 0, "managed": True, "readyAt": "",
                            "began": time.monotonic(), "receipt": {"requests": {}, "held": 0, "retried": 0, "failed": 0}}
                return 202, {"reload": body["id"]}
            if not run or run["id"] != body.get("reload"):
                return 409, {"error": {"kind": "conflict", "message": "no such reload"}}
            if path == "/v1/weight":
                if run["phase"] != "Judging":
                    return 409, {"error": {"kind": "conflict", "message": "not in Judging"}}
                run["weightPerTenThousand"] = body["weightPerTenThousand"]
            elif path == "/v1/promote" and run["phase"] == "Judging":
                self.generation = run["generation"]
                run["weightPerTenThousand"] = 10000
                run["receipt"]["requests"] = {str(self.generation - 1): 100, str(self.generation): 50}
                self._end("Succeeded", "Promoted", "")
            elif path == "/v1/abort" and run["phase"] in ("Starting", "Judging"):
                self._end("Aborted", "AbortedByUser", body.get("reason", ""))
            return 200, {}

    def _end(self, phase: str, reason: str, message: str) -> None:
        self.run.update(phase=phase, reason=reason, message=message)

    def _turn(self) -> None:
        run = self.run
        if not run or run["phase"] != "Starting" or time.monotonic() - run["began"] < START_SECONDS:
            return
        if self.candidate == "exits":
            self._end("Failed", "ExitedEarly", "exit status 3")
            run["output"] = ["cannot parse shop.yaml"]
        elif self.candidate == "good":
            run.update(phase="Judging", readyAt="2026-11-23T09:30:00Z")
            if self.promotes_itself:
                self.generation = run["generation"]
                self._end("Succeeded", "Promoted", "")

    def status(self) -> dict:
        with self._lock:
            self._turn()
            run = {k: v for k, v in self.run.items() if k != "began"} if self.run else None
            candidate = None
            if run and run["phase"] in ("Starting", "Judging"):
                candidate = {"generation": run["generation"], "requests": 500, "errors": self.errors}
                run["judged"] = {"active": {"requests": 500, "errors": 0}, "candidate": {"requests": 500, "errors": self.errors}}
                for who, latency in self.latency.items():
                    run["judged"][who]["latency"] = latency
            return {"version": "0.1.0", "bootId": self.boot, "podUid": self.uid, "phase": "Serving",
                    "active": {"generation": self.generation, "requests": 1000, "errors": 0}, "candidate": candidate,
                    "retiring": [], "reload": run,
                    "sources": [{"name": name, "keys": {k: hashlib.sha256(v.encode()).hexdigest() for k, v in keys.items()}}
                                for name, keys in self.sources.items()]}


class Handler(BaseHTTPRequestHandler):
    sidecar: Sidecar
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self, status: int, body: dict, proven: bool) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Sidestep-Boot", self.sidecar.boot)
        if proven:
            self.send_header("Sidestep-Pod", self.sidecar.uid)
            self.send_header("Sidestep-Nonce", self.headers["Sidestep-Nonce"])
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # the operator was killed in the middle of its call
            pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.sidecar.hangs.is_set():
            while self.sidecar.hangs.is_set():
                time.sleep(0.05)
            self.close_connection = True
            return None
        if self.path == "/healthz":
            return self._answer(200, {}, False)
        why = self.sidecar.refusal_of(self.command, self.path, body, self.headers)
        if why:
            self.sidecar.refusals.append(why)
            return self._answer(409 if why == "stale" else 401, {"error": {"kind": why, "message": why}}, why == "stale")
        if self.command == "GET":
            return self._answer(200, self.sidecar.status(), True)
        return self._answer(*self.sidecar.command(self.path, json.loads(body)), True)

    do_GET = do_POST = _handle
