"""A real Prometheus on loopback that scrapes a small exporter, and a webhook, each with what a test tells it to say."""
import json
import shutil
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from processes import free_port


def missing() -> str:
    return "" if shutil.which("prometheus") else "prometheus is not installed; apt-get install prometheus"


class Server:
    """A loopback HTTP server of the test."""

    def __init__(self, answer, tls: ssl.SSLContext | None = None):
        """answer(method, path, body) gives (status, text), or (status, text, headers)."""
        self.authorizations: list[str | None] = []  # that header of each request
        authorizations = self.authorizations

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _handle(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                authorizations.append(self.headers.get("Authorization"))
                status, text, *headers = answer(self.command, self.path, body.decode())
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                for name, value in (headers[0] if headers else {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def handle(self):
                try:
                    super().handle()
                except (ConnectionError, ssl.SSLError):
                    pass

            do_GET = do_POST = _handle

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Guarded(Server):
    """Gives the number 0.001 for every query, to those who show its token, over TLS by an authority of its own in the folder."""

    def __init__(self, folder: Path, token: str):
        self.token = token
        self.authority = folder / "ca.crt"
        key, certificate, request = folder / "server.key", folder / "server.crt", folder / "server.csr"

        def openssl(*words) -> None:
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl("req", "-x509", *new_key, "-subj", "/CN=a private authority", "-keyout", folder / "ca.key", "-out", self.authority)
        openssl("req", *new_key, "-subj", "/CN=prometheus", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", folder / "ca.key", "-CAcreateserial",
                "-copy_extensions", "copy", "-out", certificate)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        super().__init__(self._answer, tls)

    def _answer(self, method: str, path: str, body: str) -> tuple[int, str]:
        if self.authorizations[-1] != f"Bearer {self.token}":
            return 401, "{}"
        return 200, json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1, "0.001"]}})


class Exporter(Server):
    """Gauges by name; a test sets them."""

    def __init__(self, **gauges: float):
        self.gauges = gauges
        super().__init__(lambda *_: (200, "".join(f"{name} {value}\n" for name, value in self.gauges.items())))


class Webhook(Server):
    def __init__(self):
        self.calls: list[dict] = []
        self.status, self.reason = 200, ""
        super().__init__(self._answer)

    def _answer(self, method: str, path: str, body: str) -> tuple[int, str]:
        self.calls.append({**json.loads(body), "method": method, "path": path})
        return self.status, json.dumps({"reason": self.reason})


class Prometheus:
    def __init__(self, folder: Path, exporter: Exporter):
        self.address = f"http://127.0.0.1:{free_port()}"
        config = folder / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
            "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [exporter.address]}]}]}))
        self._process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data", "--log.level=warn",
             f"--web.listen-address={self.address.removeprefix('http://')}", "--storage.tsdb.retention.time=1h"],
            stdout=open(folder / "prometheus.log", "wb"), stderr=subprocess.STDOUT)

    def value(self, query: str) -> float | None:
        """What the server itself says; nothing while it does not answer."""
        url = f"{self.address}/api/v1/query?query={urllib.parse.quote(query)}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                result = json.load(answer)["data"]["result"]
        except OSError:
            return None
        return float(result[0]["value"][1]) if result else None

    def wait_for(self, query: str, value: float, seconds: float = 30) -> None:
        give_up = time.monotonic() + seconds
        while self.value(query) != value:
            assert time.monotonic() < give_up, f"{query} is {self.value(query)}, not {value}"
            time.sleep(0.05)

    def pause(self) -> None:
        """It goes on accepting connections, by the kernel, and answers nothing."""
        self._process.send_signal(19)

    def resume(self) -> None:
        self._process.send_signal(18)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
