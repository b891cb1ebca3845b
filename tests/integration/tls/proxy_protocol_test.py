"""PROXY headers: both versions, cut at every offset, before plain and TLS connections; believed from trusted sources only; and
passed on to an app that takes no connection without one."""
import http.client
import ipaddress
import json
import socket
import struct

import pytest
from served import Echo, ask, client, fields_seen, start_app

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.7 198.18.0.1 56324 443\r\n"
V2 = SIGNATURE + b"\x21\x21\x00\x29" + socket.inet_pton(socket.AF_INET6, "2001:db8::a") + bytes(16) + struct.pack("!HH", 5, 6) + b"\x04\x00\x02hi"
TRUSTED = ("--trust-forwarded", "127.0.0.0/8")


def connected(one):
    raw = socket.create_connection(("127.0.0.1", one.port), timeout=20)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def answer_of(raw):
    answer = http.client.HTTPResponse(raw)
    answer.begin()
    return answer.status, answer.read()


@pytest.mark.parametrize("header, source", [(V1, "192.0.2.7"), (V2, "2001:db8::a")], ids=["v1", "v2"])
def test_a_header_cut_at_every_offset_names_the_client(start, header, source):
    one = start(*TRUSTED, scheme="proxy")
    whole = header + b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n"
    for cut in range(1, len(header) + 2):
        with connected(one) as raw:
            raw.sendall(whole[:cut])
            if cut % 10 == 0:
                one.control("/metrics")  # time for the first part to be read alone
            raw.sendall(whole[cut:])
            status, body = answer_of(raw)
            assert status == 200
            assert json.loads(body)["x-forwarded-for"] == [source], cut


def test_a_header_may_come_byte_by_byte_before_tls(start, authority, tmp_path):
    pair = authority.make(tmp_path / "one", "one", "DNS:one.example")
    one = start(*TRUSTED, "--tls-certificate", pair, scheme="proxy+tls")
    for header, source in ((V1, "192.0.2.7"), (V2, "2001:db8::a")):
        raw = connected(one)
        for at in range(len(header)):
            raw.sendall(header[at:at + 1])
        with client(authority).wrap_socket(raw, server_hostname="one.example") as connection:
            seen = fields_seen(connection)
            assert seen["x-forwarded-for"] == [source] and seen["x-forwarded-proto"] == ["https"]
            assert ask(connection, "/big") == bytes(range(256)) * 4096


def test_a_sender_that_speaks_for_itself_keeps_its_own_address(start):
    one = start(*TRUSTED, scheme="proxy")
    for header in (b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\x00\x00\x00"):
        with connected(one) as raw:
            raw.sendall(header)
            assert fields_seen(raw)["x-forwarded-for"] == ["127.0.0.1"]


def test_what_is_no_header_is_refused_and_counted(start):
    one = start(*TRUSTED, "--tls-handshake-timeout", "300ms", scheme="proxy")
    for bad in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n", SIGNATURE + b"\x21\x12\x00\x00"):
        with connected(one) as raw:
            raw.sendall(bad)
            try:
                assert raw.recv(100) == b""
            except ConnectionResetError:
                pass  # closed with bytes unread
    one.until(lambda: one.metric("sidestep_proxy_headers_refused_total") == 3, "they are counted")
    with connected(one) as raw:  # late
        raw.sendall(V1[:20])
        assert raw.recv(100) == b""


def test_a_header_of_others_is_believed_by_nobody(start):
    one = start("--trust-forwarded", "198.18.0.0/15", scheme="proxy")
    with connected(one) as raw:
        assert fields_seen(raw)["x-forwarded-for"] == ["127.0.0.1"]
    with connected(one) as raw:
        raw.sendall(V1 + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer_of(raw)[0] == 400
    assert one.metric("sidestep_proxy_headers_total") == 0


class Introduced(Echo):
    """Takes nothing without a PROXY header, and adds it to the fields that it answers with; /headers: how all connections began."""
    seen = None

    def setup(self):
        super().setup()
        first = self.rfile.read(len(SIGNATURE) if self.server.version == "v2" else len(b"PROXY "))
        if first == SIGNATURE:
            rest = self.rfile.read(4)
            self.header = first + rest + self.rfile.read(struct.unpack("!H", rest[2:])[0])
        else:
            assert first == b"PROXY ", first
            self.header = first + self.rfile.readline()
        self.server.headers_seen.append(self.header)

    def answer(self, body):
        super().answer(json.dumps({**json.loads(body), "header": self.header.hex()}).encode())


def v2(source, target, source_port, target_port):
    ends = [ipaddress.ip_address(ip).packed for ip in (source, target)]
    kind = b"\x11" if len(ends[0]) == 4 else b"\x21"
    body = ends[0] + ends[1] + struct.pack("!HH", source_port, target_port)
    return SIGNATURE + b"\x21" + kind + struct.pack("!H", len(body)) + body


def v1(source, target, source_port, target_port):
    return f"PROXY TCP{ipaddress.ip_address(source).version} {source} {target} {source_port} {target_port}\r\n".encode()


HEADERS = {"v1": v1, "v2": v2}
NOBODY = {"v1": b"PROXY UNKNOWN\r\n", "v2": SIGNATURE + b"\x20\x00\x00\x00"}


@pytest.fixture(params=["v1", "v2"])
def version(request):
    return request.param


@pytest.fixture
def introduced(start, version):
    """A proxy before an app that is told of its clients in this version."""
    app = start_app(handler=Introduced)
    app.version, app.headers_seen = version, []
    return lambda *options, scheme="": start("--app-proxy-protocol", version, *options, scheme=scheme, app=app)


def header_seen(connection):
    return bytes.fromhex(fields_seen(connection)["header"])


def test_the_app_is_told_of_each_client_and_of_probes_that_speak_for_the_proxy(introduced, version):
    one = introduced("--readiness-path", "/")
    with connected(one) as first, connected(one) as second:
        for raw in (first, second, first, second):
            assert header_seen(raw) == HEADERS[version]("127.0.0.1", "127.0.0.1", raw.getsockname()[1], one.port)
    of_clients = [header for header in one.app.headers_seen if header != NOBODY[version]]
    assert len(of_clients) == 2 and len(set(of_clients)) == 2
    assert NOBODY[version] in one.app.headers_seen


def test_a_header_of_a_trusted_source_goes_on_to_the_app(introduced, version, authority, tmp_path):
    pair = authority.make(tmp_path / "one", "one", "DNS:one.example")
    one = introduced(*TRUSTED, "--tls-certificate", pair, scheme="proxy+tls")
    for came in (V1, v2("192.0.2.7", "198.18.0.1", 56324, 443)):
        raw = connected(one)
        raw.sendall(came)
        with client(authority).wrap_socket(raw, server_hostname="one.example") as connection:
            for _ in range(2):
                assert header_seen(connection) == HEADERS[version]("192.0.2.7", "198.18.0.1", 56324, 443)
    raw = connected(one)  # a health check of the load balancer: it speaks for itself
    raw.sendall(b"PROXY UNKNOWN\r\n")
    with client(authority).wrap_socket(raw, server_hostname="one.example") as connection:
        assert header_seen(connection) == HEADERS[version]("127.0.0.1", "127.0.0.1", raw_port(connection), one.port)


def raw_port(connection):
    return connection.getsockname()[1]


def test_clients_of_ipv6_and_of_a_unix_socket(introduced, version, tmp_path):
    path = tmp_path / "c"
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", 0))
        port = free.getsockname()[1]
    one = introduced("--listen", f"unix:{path}", "--listen", f"[::1]:{port}")
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(path))
            assert header_seen(raw) == NOBODY[version]
    with socket.create_connection(("::1", port), timeout=20) as raw:
        seen = header_seen(raw)
    if version == "v2":
        assert seen == v2("::1", "::1", raw_port_of(seen), port)
    else:
        words = seen.decode().split()
        assert words[:2] == ["PROXY", "TCP6"] and words[5] == str(port)
        assert {ipaddress.ip_address(word) for word in words[2:4]} == {ipaddress.ip_address("::1")}


def raw_port_of(header):
    return struct.unpack("!H", header[48:50])[0]
