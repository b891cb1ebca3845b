#!/usr/bin/env python3
"""A small HTTP app whose misbehaviour is chosen by flags: what the reload tests put behind the proxy.

Answers every request with the name given by --name; /slow?ms=N waits, /env/NAME and /config show what it was given,
/pid its process, /crash ends it. --config FILE: a file of "key value" lines that overrides flags (fail, errors, name).
"""
import argparse
import fcntl
import os
import signal
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, default=int(os.environ.get("PORT", "0")))
    p.add_argument("--socket", default=os.environ.get("SIDESTEP_SOCKET", ""))
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--name", default="app")
    p.add_argument("--start-delay", type=float, default=0, help="seconds before it listens")
    p.add_argument("--never-ready", action="store_true", help="/readyz answers 503 for ever")
    p.add_argument("--exit-at-start", type=int, default=-1, help="ends with this status, with a last line")
    p.add_argument("--exit-after", type=float, default=-1, help="seconds after which it ends with status 3")
    p.add_argument("--errors", type=int, default=0, help="percentage of 500 answers")
    p.add_argument("--delay", type=float, default=0, help="seconds before each answer")
    p.add_argument("--fork-away", action="store_true", help="starts a child that serves, and ends")
    p.add_argument("--ignore-term", action="store_true")
    p.add_argument("--lock", default="", help="file that one generation alone may hold; a child holds it 0.3 s longer than the app")
    p.add_argument("--tls", default="", help="folder with tls.crt and tls.key")
    p.add_argument("--config", default="")
    return p.parse_args()


ARGS = parse()
if ARGS.config:
    for line in open(ARGS.config):
        key, _, value = line.strip().partition(" ")
        if key == "name":
            ARGS.name = value
        elif key == "exit":
            ARGS.exit_at_start = int(value)
        elif key == "errors":
            ARGS.errors = int(value)
TLS = None
if ARGS.tls:
    TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    TLS.load_cert_chain(ARGS.tls + "/tls.crt", ARGS.tls + "/tls.key")
COUNT = 0
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        length = int(self.headers.get("Content-Length", "0"))
        return self.rfile.read(length) if length else b""

    def do_GET(self):
        global COUNT
        self.body()
        if self.path == "/readyz":
            return self.answer(503 if ARGS.never_ready else 200, "ready\n")
        if self.path == "/crash":
            os._exit(7)
        if self.path.startswith("/slow?ms="):
            time.sleep(int(self.path.partition("=")[2]) / 1000)
        if self.path.startswith("/env/"):
            return self.answer(200, os.environ.get(self.path[5:], "") + "\n")
        if self.path == "/pid":
            return self.answer(200, f"{os.getpid()}\n")
        time.sleep(ARGS.delay)
        with LOCK:
            COUNT += 1
            bad = COUNT % 100 < ARGS.errors
        self.answer(500 if bad else 200, ARGS.name + "\n")

    do_POST = do_GET
    do_PUT = do_GET


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def server_bind(self):
        if ARGS.socket:
            self.server_address = ARGS.socket
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(ARGS.socket)
            self.server_name, self.server_port = "localhost", 0
        else:
            super().server_bind()

    def get_request(self):
        connection, _ = self.socket.accept()
        if TLS:  # the handshake is the handler's
            connection = TLS.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, ("local", 0)


def hold_lock():
    lock = os.open(ARGS.lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another instance holds the lock", file=sys.stderr, flush=True)
        os._exit(9)
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), os._exit(0)))
        while True:
            time.sleep(60)


def main():
    if ARGS.lock:
        hold_lock()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if ARGS.ignore_term else lambda *_: os._exit(0))
    print(f"{ARGS.name}: starting on {ARGS.socket or ARGS.port}", flush=True)
    if ARGS.exit_at_start >= 0:
        print(f"{ARGS.name}: cannot read its configuration", file=sys.stderr, flush=True)
        os._exit(ARGS.exit_at_start)
    if ARGS.fork_away and os.fork() > 0:
        os._exit(0)
    time.sleep(ARGS.start_delay)
    server = Server((ARGS.host, ARGS.port), Handler)
    if ARGS.exit_after >= 0:
        threading.Timer(ARGS.exit_after, lambda: os._exit(3)).start()
    server.serve_forever()


main()
