"""What the fault cases stand on: the proxy in front of an app that the test plays itself, byte by byte, and what both cost.

A test that needs generations and the load generator takes the Service of tests/integration/load instead (conftest.py).
"""
import ctypes
import http.client
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import processes
from processes import free_port  # noqa: F401

TOP = Path(__file__).resolve().parents[3]
BINS = Path(os.environ.get("SIDESTEP_BIN", TOP / "build/bin"))
IS_SANITIZED = "SIDESTEP_SANITIZED" in os.environ
IS_SOAK = os.environ.get("SIDESTEP_SOAK") == "1"
WAIT = 30.0
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

def eventually(check, what, seconds=20.0):
    end = time.monotonic() + seconds
    while True:
        try:
            if result := check():
                return result
        except (OSError, http.client.HTTPException):
            pass
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def may_open(files):
    """Raises this process's own limit of descriptors; skips where that cannot be."""
    import pytest
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(hard, files)))
        except (ValueError, OSError):
            pytest.skip(f"this machine cannot open {files} descriptors in one process")


class Conn:
    """A connected socket that reads whole heads and bodies, and says how it ended."""

    def __init__(self, conn):
        self.conn, self.kept = conn, bytearray()
        conn.settimeout(WAIT)
        if conn.family != socket.AF_UNIX:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.conn.close()

    def send(self, data):
        self.conn.sendall(data)

    def half_close(self):
        self.conn.shutdown(socket.SHUT_WR)

    def reset(self):
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.conn.close()

    def more(self):
        data = self.conn.recv(262144)
        self.kept += data
        return bool(data)

    def take(self, size):
        found = bytes(self.kept[:size])
        del self.kept[:size]
        return found

    def until(self, mark):
        """Up to and with the mark; what there is, when the other side ends before."""
        while mark not in self.kept and self.more():
            pass
        at = self.kept.find(mark)
        return self.take(len(self.kept) if at < 0 else at + len(mark))

    def exactly(self, size):
        while len(self.kept) < size and self.more():
            pass
        return self.take(size)

    def rest(self):
        while self.more():
            pass
        return self.take(len(self.kept))

    def message(self):
        """(head, body) with Content-Length or none; ("", b"") when the other side has ended."""
        head = self.until(b"\r\n\r\n").decode("latin-1")
        length = re.search(r"(?im)^content-length: (\d+)\r$", head)
        return head, self.exactly(int(length[1])) if length else b""

    def ends(self):
        """Waits for the end: "fin", "reset", or "bytes" when something else came."""
        try:
            return "bytes" if self.kept or self.conn.recv(1) else "fin"
        except ConnectionResetError:
            return "reset"

    def is_open(self):
        """Neither ended nor told anything, now."""
        if not select.select([self.conn], [], [], 0)[0]:
            return True
        try:
            return bool(self.conn.recv(1, socket.MSG_PEEK))
        except OSError:
            return False


def connect(port):
    return Conn(socket.create_connection(("127.0.0.1", port), timeout=WAIT))


class App:
    """handler(conn) for each connection, in a thread of its own; it ends with the connection or by returning."""

    def __init__(self, handler, listener=None, backlog=1024):
        self.listener = listener or socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = None if self.listener.family == socket.AF_UNIX else self.listener.getsockname()[1]
        self.handler, self.connections, self.open, self.lock, self.stopped = handler, 0, set(), threading.Lock(), False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with self.lock:
                if self.stopped:
                    return conn.close()
                self.open.add(conn)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with Conn(conn) as wrapped:
            try:
                self.handler(wrapped)
            except OSError:
                pass
            finally:
                with self.lock:
                    self.open.discard(conn)

    def stop(self):
        """As if the process had died: connects are refused, connections end."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which would keep the socket
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            self.stopped = True
            for conn in self.open:
                try:
                    conn.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def named(name):
    """The bytes of an answer that says who gave it."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name.encode())


def answering(answer=OK):
    """A handler that answers every request with the same bytes."""
    def handle(conn):
        while conn.message()[0]:
            conn.send(answer)
    return handle


class Proxy:
    """`sidestep run --attach` in front of an app of the test, or `sidestep run -- COMMAND`."""

    def __init__(self, folder, app=None, *options, command=(), policy=None, limits=None, wait=True):
        folder.mkdir(exist_ok=True)
        self.folder, self.port, self.control = folder, free_port(), folder / "control.sock"
        self.policy = folder / "policy.json"
        self.policy.write_text(json.dumps({"strategy": {"overlap": {"onMemoryPressure": "Ignore"}}, **(policy or {})}))
        self.log = open(folder / "log", "ab")
        words = ["--attach", f"127.0.0.1:{app.port}"] if app else ["--", *command]
        self.process = subprocess.Popen(
            [BINS / "sidestep", "run", "--listen", f"127.0.0.1:{self.port}", "--control", self.control, "--policy", self.policy, *map(str, options), *map(str, words)],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits)) if limits else None)
        if wait:
            eventually(lambda: self.process.poll() is not None or self.status()["active"], "the proxy is up", 60)
            assert self.process.poll() is None, self.output()

    def connect(self):
        return connect(self.port)

    def get(self, path="/"):
        with self.connect() as conn:
            conn.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            return conn.message()

    def command(self, *words, timeout=60):
        return subprocess.run([BINS / "sidestep", words[0], "--control", self.control, *words[1:]], capture_output=True, text=True, timeout=timeout)

    def status(self):
        done = self.command("status", "-o", "json")
        return json.loads(done.stdout) if done.returncode == 0 else {"active": None}

    def reload(self, app, *words, expect=0):
        """To another app of the test; the Reload that came of it."""
        done = self.command("reload", "-o", "json", *words, "--attach", f"127.0.0.1:{app.port}")
        assert done.returncode == expect, f"exit {done.returncode}: {done.stdout}{done.stderr}{self.output()[-2000:]}"
        return json.loads(done.stdout)["reload"]

    def output(self):
        return (self.folder / "log").read_text(errors="replace")

    def worker(self):
        """The process that carries requests."""
        for pid in processes.tree(self.process.pid):
            try:
                if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
            except OSError:
                pass
        return self.process.pid

    def cpu_share(self, seconds=1.0):
        """Of one core, of the worker, over that time: what an idle worker must not use."""
        pid = self.worker()
        before, began = processes.cpu_seconds([pid]), time.monotonic()
        time.sleep(seconds)
        return (processes.cpu_seconds([pid]) - before) / (time.monotonic() - began)

    def rss_mib(self):
        return processes.memory_kib([self.worker()])["Rss"] / 1024

    def private_kib(self):
        return processes.memory_kib([self.worker()])["Private"]

    def counter(self, name):
        """The sum of a metric over its labels, or one `name{labels}` of it."""
        with Conn(socket.socket(socket.AF_UNIX)) as conn:
            conn.conn.connect(str(self.control))
            conn.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = conn.rest().decode()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(rf"{re.escape(name)}[ {{]", line))

    def stop(self):
        processes.stop(self.process, 20)
        self.log.close()
        assert "Sanitizer" not in self.output()


class Crowd:
    """Many raw connections in one place: opened fast, written to and read without a thread each."""

    def __init__(self, port, count, first=b"", window=None):
        """`window`: bytes that each takes before it reads."""
        self.conns = []
        for _ in range(count):
            conn = socket.socket()
            conn.settimeout(WAIT)
            if window:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            conn.connect(("127.0.0.1", port))
            if first:
                conn.sendall(first)
            self.conns.append(conn)

    def send(self, data):
        for conn in self.conns:
            try:
                conn.sendall(data)
            except OSError:
                pass

    def close(self):
        for conn in self.conns:
            conn.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class QuietApp:
    """A process for any number of connections: answers GETs at once, those of /large with `large`, and takes what anything else sends
    without a word."""

    def __init__(self, answer=OK, path=None, backlog=4096, large=b""):
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.listener.bind(str(path) if path else ("127.0.0.1", 0))
        self.listener.listen(backlog)
        self.port = None if path else self.listener.getsockname()[1]
        self.answer, self.large, self.conns, self.unsent = answer, large, {}, {}
        self.pid = os.fork()  # of its own, so that it does not take turns with the test
        if self.pid == 0:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it goes with the test
            try:
                self.run()
            finally:
                os._exit(0)

    def run(self):
        self.poll = select.epoll()
        self.listener.setblocking(False)
        self.poll.register(self.listener, select.EPOLLIN)
        while True:
            for fd, events in self.poll.poll():
                if fd == self.listener.fileno():
                    self.accept()
                elif events & select.EPOLLOUT:
                    self.write(self.conns[fd])
                else:
                    self.serve(self.conns[fd])

    def accept(self):
        try:
            while True:
                conn, _ = self.listener.accept()
                conn.setblocking(False)
                self.conns[conn.fileno()] = conn
                self.poll.register(conn, select.EPOLLIN)
        except OSError:
            return

    def serve(self, conn):
        try:
            data = conn.recv(262144)
        except OSError:
            data = b""
        if not data:
            self.end(conn)
        elif data.startswith(b"GET ") and data.endswith(b"\r\n\r\n"):
            self.unsent[conn.fileno()] = memoryview((self.large if data.startswith(b"GET /large ") else self.answer) * data.count(b"\r\n\r\n"))
            self.write(conn)

    def write(self, conn):
        rest = self.unsent[conn.fileno()]
        try:
            rest = rest[conn.send(rest):]
        except BlockingIOError:
            pass
        except OSError:
            return self.end(conn)
        self.unsent[conn.fileno()] = rest
        self.poll.modify(conn, select.EPOLLOUT if rest else select.EPOLLIN)
        return None

    def end(self, conn):
        del self.conns[conn.fileno()]
        conn.close()

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.listener.close()


def latencies(port, count=300):
    """Milliseconds of fresh connections with one request each, and of requests on a kept one: (fresh, kept), sorted."""
    def one(conn):
        conn.send(GET)
        head, body = conn.message()
        assert body == b"ok", head or "no answer"

    fresh, kept = [], []
    with connect(port) as conn:
        for _ in range(count):
            began = time.perf_counter()
            with connect(port) as other:
                one(other)
            fresh.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            one(conn)
            kept.append((time.perf_counter() - began) * 1000)
    return sorted(fresh), sorted(kept)


def quantile(numbers, share):
    return numbers[min(len(numbers) - 1, int(len(numbers) * share))]
