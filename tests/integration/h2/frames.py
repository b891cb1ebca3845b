"""HTTP/2 by hand, for clients that no library would be."""
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name, value):
    """A literal without indexing; below 127 bytes each."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def block(method=b"GET", path=b"/hello", *more):
    fields = field(b":method", method) + field(b":scheme", b"http") + field(b":path", path) + field(b":authority", b"shop")
    return fields + b"".join(field(*pair) for pair in more)


class Peer:
    """A connection after the preface. `settings`: pairs of number and value."""

    def __init__(self, port, settings=()):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.rest = b""
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in settings)))

    def send(self, data):
        """False when the other side has closed."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def frames(self):
        """Each frame as (kind, flags, stream, payload), until the other side ends."""
        while True:
            while len(self.rest) >= 9 and len(self.rest) >= 9 + int.from_bytes(self.rest[:3], "big"):
                size = int.from_bytes(self.rest[:3], "big")
                kind, flags, stream = struct.unpack(">BBI", self.rest[3:9])
                payload, self.rest = self.rest[9:9 + size], self.rest[9 + size:]
                yield kind, flags, stream, payload
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return
            if not more:
                return
            self.rest += more

    def goaway(self):
        """The code of the GOAWAY that ends the connection; None without."""
        code = None
        for kind, _, _, payload in self.frames():
            if kind == GOAWAY:
                code = int.from_bytes(payload[4:8], "big")
        return code

    def close(self):
        self.socket.close()
