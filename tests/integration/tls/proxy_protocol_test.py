"""PROXY headers: both versions, cut at every offset, before plain and TLS connections; believed from trusted sources only."""
import http.client
import json
import socket
import struct

import pytest
from served import ask, client, fields_seen

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
