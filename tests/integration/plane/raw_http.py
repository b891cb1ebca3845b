"""HTTP/1 on raw sockets, read as plainly as can be: not with the parser under test, and not with a library that mends
what it reads."""
import socket
import threading
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 30  # a slow machine, and sanitizers


class Ended(Exception):
    """The connection ended before the message did."""


@dataclass
class Message:
    start: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    trailers: bytes = b""

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name]

    @property
    def status(self):
        return int(self.start.split(" ")[1])


class Reader:
    def __init__(self, conn):
        self.conn, self.kept = conn, b""

    def _more(self):
        data = self.conn.recv(65536)
        if not data:
            raise Ended
        self.kept += data

    def until(self, mark):
        while mark not in self.kept:
            self._more()
        found, _, self.kept = self.kept.partition(mark)
        return found

    def exactly(self, size):
        while len(self.kept) < size:
            self._more()
        found, self.kept = self.kept[:size], self.kept[size:]
        return found

    def rest(self):
        """Everything up to the end of the connection."""
        while True:
            try:
                self._more()
            except Ended:
                found, self.kept = self.kept, b""
                return found

    def head(self):
        start, *lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        message = Message(start)
        for line in lines:
            name, _, value = line.partition(":")
            message.fields.append((name, value.strip(" \t")))
        return message

    def chunks(self, message):
        while True:
            size = int(self.until(b"\r\n").decode("latin-1"), 16)
            if size == 0:
                break
            message.body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        while line := self.until(b"\r\n"):
            message.trailers += line + b"\r\n"

    def framed_body(self, message):
        """By Content-Length or chunked, of which there may be one; returns False when there is neither."""
        lengths, codings = message.all("content-length"), message.all("transfer-encoding")
        assert len(lengths) + len(codings) <= 1, f"two framings: {message.fields}"
        if codings:
            assert codings == ["chunked"]
            self.chunks(message)
        elif lengths:
            message.body = self.exactly(int(lengths[0]))
        return bool(codings or lengths)

    def request(self):
        message = self.head()
        self.framed_body(message)
        return message

    def response(self, method="GET"):
        """(interim statuses, the final response)."""
        interim = []
        while (message := self.head()).status < 200 and message.status != 101:
            interim.append(message.status)
        if method != "HEAD" and message.status not in (101, 204, 304) and not self.framed_body(message):
            message.body = self.rest()
        return interim, message


class App:
    """Answers each request, or sends the bytes it is given; remembers what it was asked."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.requests, self.canned = [], None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            conn, _ = self.listener.accept()
            conn.settimeout(60)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        reader = Reader(conn)
        try:
            with conn:
                while True:
                    request = reader.request()
                    self.requests.append(request)
                    if self.canned is not None:
                        conn.sendall(self.canned)
                        conn.shutdown(socket.SHUT_WR)
                        reader.rest()
                        return
                    body = b"" if request.start.startswith("HEAD ") else b"ok"
                    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body)
        except (Ended, OSError):
            return


def escape(data):
    """As the documents write it."""
    out = data.decode("latin-1").replace("\r", "\\r").replace("\n", "\\n")
    return "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in out)
