"""One case through one proxy: a client and an app on raw sockets, and what each of them got.

The app records every byte and reads it plainly; it answers each request with its own target, so that an answer that went to the
wrong request is seen. The client ends each case with a request for /last, and a second client then asks for something else.
"""
import re
import socket
import threading
import time
from dataclasses import dataclass, field

import readings

LAST = b"GET /last HTTP/1.1\r\nHost: last.example\r\nConnection: close\r\n\r\n"
WAIT_SECONDS = 1.0   # a proxy that neither answers nor closes
SLOW_SECONDS = 30.0  # under a sanitizer everything takes longer


class Connection:
    def __init__(self):
        self.data, self.since = b"", 0


class App:
    """Records what it is sent. `case` decides how it answers the first request of a case."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.connections, self.case, self.canned, self.lock = [], None, None, threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def begin(self, case):
        with self.lock:
            self.case = case
            self.canned = case.bytes if case and case.kind == "answer" else None
            for connection in self.connections:
                connection.since = len(connection.data)

    def received(self):
        """The bytes of this case, by connection."""
        with self.lock:
            return [connection.data[connection.since:] for connection in self.connections if len(connection.data) > connection.since]

    def accept(self):
        while True:
            conn, _ = self.listener.accept()
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection()
            with self.lock:
                self.connections.append(connection)
            threading.Thread(target=self.serve, args=(conn, connection), daemon=True).start()

    def serve(self, conn, connection):
        taken = 0  # bytes of requests that were answered
        try:
            with conn:
                while data := conn.recv(65536):
                    with self.lock:
                        connection.data += data
                        whole = connection.data[taken:]
                    goes_on, used = self.answer(conn, connection, whole)
                    taken += used
                    if not goes_on:
                        return
        except OSError:
            return

    def answer(self, conn, connection, whole):
        """Answers the requests that are whole: (whether the connection goes on, bytes used)."""
        used = 0
        while used < len(whole):
            cursor = readings.Cursor(whole[used:], readings.READINGS[0], False)
            try:
                start = cursor.line()
                message = readings.Message(start, readings.fields_of(cursor))
                if self.case and "early" in self.case.words and message.start.startswith("POST"):
                    self.send_echo(conn, message, close=True)
                    conn.shutdown(socket.SHUT_WR)
                    while data := conn.recv(65536):  # the body, which it does not look at
                        with self.lock:
                            connection.data += data
                    return False, used
                if message.all("expect") and cursor.at == len(whole) - used:
                    conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                readings.body_of(message, cursor, lambda: b"")
            except readings.Cut:
                return True, used
            except readings.Bad:
                conn.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return False, used
            used += cursor.at
            with self.lock:
                canned, self.canned = self.canned, None
            if canned is not None:
                conn.sendall(canned)
                if "close" in self.case.words:
                    return False, used
            else:
                self.send_echo(conn, message)
        return True, used

    @staticmethod
    def send_echo(conn, message, close=False):
        method, _, rest = message.start.partition(" ")
        target = rest.rpartition(" ")[0].encode("latin-1")
        body = b"" if method == "HEAD" else target
        end = b"Connection: close\r\n" if close else b""
        conn.sendall(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (end, len(target), body))


@dataclass
class Outcome:
    """What became of a case. `client` and `app` are the lines that a document's want block has."""
    client: str = ""
    app: list = field(default_factory=list)
    heads: list = field(default_factory=list)    # messages of the side that the case is about
    faults: list = field(default_factory=list)   # never right, whatever was sent

    def lines(self):
        return [self.client, *self.app]


class Client:
    def __init__(self, port, wait_seconds):
        self.conn = socket.create_connection(("127.0.0.1", port), timeout=SLOW_SECONDS)
        self.conn.settimeout(wait_seconds)
        self.conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data, self.ended, self.waited = b"", False, False

    def send(self, data, one_by_one=False):
        try:
            for at in range(0, len(data), 1 if one_by_one else max(1, len(data))):
                self.conn.sendall(data[at:at + 1] if one_by_one else data)
        except OSError:
            pass  # refused before the last byte; the answer says why

    def half_close(self):
        try:
            self.conn.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def read(self, until=lambda data: False):
        """Up to the end of input, or until that says so; notes a proxy that does neither in time."""
        while not self.ended and not until(self.data):
            try:
                data = self.conn.recv(65536)
            except socket.timeout:
                self.waited = True
                return
            except OSError:
                data = b""
            self.data += data
            self.ended = not data


def escape(data):
    return "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in data.decode("latin-1").replace("\r", "\\r").replace("\n", "\\n"))


def statuses(messages):
    return [int(message.start.split(" ")[1]) for message in messages]


def methods_in(data):
    return [m.decode() for m in re.findall(rb"(?m)^([A-Z]+) \S+ HTTP/1\.[01]\r?$", data)]


def request_case(case, app, port, one_by_one=False, wait_seconds=WAIT_SECONDS):
    """A client's bytes: what the app read, in how many ways it could be read, and who got which answer."""
    app.begin(case)
    client = Client(port, wait_seconds)
    client.send(case.bytes if "cut" in case.words else case.bytes + LAST, one_by_one)
    if "cut" in case.words:
        client.half_close()
    client.read()
    client.conn.close()
    outcome = Outcome()
    answers, _ = readings.read_all(client.data, readings.READINGS[0], "response", True, methods_in(case.bytes))
    got_last = bool(answers) and answers[-1].body == b"/last"
    words = [str(status) for status in statuses(answers) if status != 100]  # whether the app says it is a matter of time
    outcome.client = " ".join([*(words[:-1] if got_last else words), *(["next"] if got_last else []), *(["waits"] if client.waited else [])])
    for data in app.received():
        messages, _ = readings.read_all(data, readings.READINGS[0], "request", True)
        outcome.heads += messages
        if others := readings.disagreements(data, "request", True):
            outcome.faults.append(f"the app's side can be read differently ({', '.join(others)})")
    requests = [message.start.split(" ")[:2] + [escape(message.body)] for message in outcome.heads]
    outcome.app = [" ".join(part for part in request if part) for request in requests
                   if request[1] != "/last" and not ("early" in case.words and request[0] == "POST")]  # how much of it is a matter of time
    echoes = [answer.body.decode("latin-1") for answer in answers if answer.start.split(" ")[1] == "200" and answer.body]
    asked = [head.decode("latin-1") for data in app.received() for head in re.findall(rb"(?m)^[!-~]+ ([^\s]+) HTTP/1\.[01]\r$", data)]
    if [target for target in echoes if target not in asked]:
        outcome.faults.append("an answer that no request of the app's side asked for")
    outcome.faults += poisoned(port)
    return outcome


def answer_case(case, app, port, one_by_one=False, wait_seconds=WAIT_SECONDS):
    """An app's bytes: what the client read. one_by_one: both requests are sent at once, before any answer."""
    app.begin(case)
    first = f"{case.method} /first HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    methods = [case.method, "GET"]

    def whole(data):
        messages, end = readings.read_all(data, readings.READINGS[0], "response", False, methods)
        return any(status >= 200 or status == 101 for status in statuses(messages)) and end == ""

    client = Client(port, wait_seconds)
    client.send(first + LAST if one_by_one else first)
    client.read(until=whole)
    if not client.ended and not client.waited and not one_by_one:
        client.send(LAST)
    if not client.waited:
        client.read()
    client.conn.close()
    outcome = Outcome()
    answers, end = readings.read_all(client.data, readings.READINGS[0], "response", True, methods)
    outcome.heads = [answer for answer in answers if answer.body != b"/last"]
    got_last = len(answers) > len(outcome.heads)
    outcome.client = " ".join([str(status) for status in statuses(outcome.heads)] + (["next"] if got_last else []) +
                              (["cut"] if end == "cut" else []) + (["waits"] if client.waited else []))
    final = next((answer for answer in outcome.heads if not re.match(r"HTTP/1\.\d 1(?!01)", answer.start)), None)
    outcome.app = ["body " + escape(final.body)] if final and final.start.split(" ")[1] not in ("502", "504") and final.body else []
    if others := readings.disagreements(client.data, "response", True, methods):
        outcome.faults.append(f"the client's side can be read differently ({', '.join(others)})")
    if end == "bad":
        outcome.faults.append("the client gets bytes that are no answer")
    elif len([status for status in statuses(answers) if status >= 200 or status == 101]) > 2:
        outcome.faults.append("more answers than requests")
    outcome.faults += poisoned(port)
    return outcome


def poisoned(port):
    """Another client, after the case: it must get the answer to its own question."""
    client = Client(port, SLOW_SECONDS)
    client.send(b"GET /other HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n")
    client.read()
    client.conn.close()
    answers, _ = readings.read_all(client.data, readings.READINGS[0], "response", True)
    good = len(answers) == 1 and answers[0].body == b"/other"
    return [] if good else [f"the next client gets {escape(client.data[:60])!r}"]


def run(case, app, port, one_by_one=False, wait_seconds=WAIT_SECONDS):
    return (request_case if case.kind == "request" else answer_case)(case, app, port, one_by_one, wait_seconds)


def unmet(case, outcome):
    """What of the want block did not come true, and what is never right."""
    wanted = [line for line in case.want if not line.startswith(("with ", "without "))]
    problems = [*outcome.faults] if [line for line in outcome.lines() if line] == wanted else [f"{outcome.lines()} instead of {wanted}", *outcome.faults]
    fields = [(name, value) for message in outcome.heads for name, value in message.fields]
    for line in case.want:
        word, _, rest = line.partition(" ")
        name, _, value = rest.partition(": ")
        if word == "without" and any(key == name.lower() for key, _ in fields):
            problems.append(f"there is a {name}")
        if word == "with" and (name.lower(), value) not in fields:
            problems.append(f"there is no {rest}: {fields}")
    return problems


def wait_for(port, seconds=60):
    end = time.monotonic() + seconds
    while poison := poisoned_or_refused(port):
        if time.monotonic() > end:
            raise AssertionError(f"the proxy on {port} does not serve: {poison}")
        time.sleep(0.05)


def poisoned_or_refused(port):
    try:
        return poisoned(port)
    except OSError as error:
        return [str(error)]
