"""Stands between a program and the API server, and does what networks and servers do at bad moments."""
import http.client
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

WRITES = ("POST", "PUT", "PATCH", "DELETE")


class FaultProxy:
    """Plain HTTP on loopback in front of an ApiServer. Faults are set from outside, at any time:

    on_write     called with the running number of each write that the server has answered, before the answer is passed on
    throttle     how many requests are answered 429 with Retry-After: 1
    lose         how many writes are done but their answers lost
    cut_watches  break off every watch that is open, in the middle of a line
    expire       how many watches are answered with an ERROR event of code 410 in a 200 stream
    fail         how many requests are answered 500
    strangers    how many requests are answered 401, as when a token has expired before the next one is there
    garble       how many watches get a line that is half an event
    delay        seconds that each request takes longer
    stale        how many lists of Reloads and policies are answered with the first that ever was, as by a server that is behind
    """

    def __init__(self, api):
        self.api, self.writes, self.throttle, self.lose, self.expire, self.cuts = api, [], 0, 0, 0, 0
        self.fail, self.strangers, self.garble, self.stale, self.delay, self.lists = 0, 0, 0, 0, 0.0, {}
        self.on_write = lambda number: None
        self.lock = threading.Lock()
        handler = type("Handler", (Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def cut_watches(self) -> None:
        with self.lock:
            self.cuts += 1

    def take(self, fault: str) -> bool:
        """One of that fault, if any is left."""
        with self.lock:
            left = getattr(self, fault)
            setattr(self, fault, max(0, left - 1))
            return left > 0

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            pass

    def _say(self, status: int, headers: dict, body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _server(self) -> http.client.HTTPSConnection:
        target = urlsplit(self.proxy.api.url)
        context = ssl.create_default_context(cadata=self.proxy.api.ca)
        return http.client.HTTPSConnection(target.hostname, target.port, context=context, timeout=400)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        watch = "watch=true" in self.path
        if not watch and "leases" not in self.path and self.proxy.take("throttle"):
            return self._say(429, {"Retry-After": "1"}, b'{"message":"slow down"}')
        if not watch and "leases" not in self.path:
            time.sleep(self.proxy.delay)
            if self.proxy.take("fail"):
                return self._say(500, {}, b'{"kind":"Status","code":500,"message":"etcdserver: leader changed"}')
            if self.proxy.take("strangers"):
                return self._say(401, {}, b'{"kind":"Status","code":401,"message":"Unauthorized"}')
        listed = self.command == "GET" and not watch and self.path.split("?")[0].endswith(("/reloads", "/reloadpolicies"))
        if listed and self.path in self.proxy.lists and self.proxy.take("stale"):
            return self._say(200, {"Content-Type": "application/json"}, self.proxy.lists[self.path])
        if watch and self.proxy.take("expire"):
            event = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
            return self._say(200, {}, json.dumps(event).encode() + b"\n")
        connection = self._server()
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length")}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            self._stream(answer) if watch and answer.status == 200 else self._pass_on(answer)
        except OSError:
            self.close_connection = True
        finally:
            connection.close()

    def _pass_on(self, answer: http.client.HTTPResponse) -> None:
        text = answer.read()
        if self.command == "GET" and answer.status == 200:
            self.proxy.lists.setdefault(self.path, text)
        # The lease and the public keys are written by each process that begins, whatever there is to do.
        by_rote = "/leases" in self.path or "/sidestep-trust" in self.path
        if self.command in WRITES and not by_rote and answer.status < 300:
            with self.proxy.lock:
                self.proxy.writes.append(f"{self.command} {self.path.split('?')[0]}")
                number = len(self.proxy.writes)
            self.proxy.on_write(number)
            if self.proxy.take("lose"):
                self.close_connection = True
                return None
        kept = {k: v for k, v in answer.getheaders() if k.lower() in ("content-type", "retry-after")}
        return self._say(answer.status, kept, text)

    def _stream(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        cuts = self.proxy.cuts
        for line in answer:
            if self.proxy.cuts != cuts:  # half a line, and nothing more
                self._chunk(line[: len(line) // 2])
                self.close_connection = True
                return
            if self.proxy.take("garble"):
                self._chunk(line[: len(line) // 2] + b"\n")
            self._chunk(line)
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle
