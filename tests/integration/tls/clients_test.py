"""TLS to clients: versions, names, tickets, client certificates, bounds."""
import contextlib
import http.client
import json
import socket
import ssl
import struct
import subprocess
import time

import pytest
from served import Authority, Secret, ask, client, fields_seen


@pytest.fixture(scope="module")
def pair(authority, tmp_path_factory):
    return authority.make(tmp_path_factory.mktemp("pairs") / "one", "one", "DNS:one.example,DNS:*.one.example")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_and_large_answers_pass_and_the_app_is_told_https(start, authority, pair, version):
    one = start("--tls-certificate", pair)
    with one.connect(client(authority, version=version)) as connection:
        seen = fields_seen(connection, "X-Forwarded-Client-Cert: Hash=made-up\r\nX_Forwarded_Client_Cert: By=me\r\n")
        assert seen["x-forwarded-proto"] == ["https"] and "proto=https" in seen["forwarded"][0]
        assert "x-forwarded-client-cert" not in seen and "x_forwarded_client_cert" not in seen
        assert ask(connection, "/big") == bytes(range(256)) * 4096
        body = b"x" * 300_000
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\nConnection: close\r\n\r\n" + body)
        got = b""
        while chunk := connection.recv(65536):  # the end is said: otherwise this raises
            got += chunk
        assert got.endswith(body)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_old_versions_are_refused(start, authority, pair, version):
    one = start("--tls-certificate", pair)
    context = client(authority, version=version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        one.connect(context)
    one.until(lambda: one.metric("sidestep_tls_handshakes_total", result="failed") == 1, "it is counted")


def test_certificate_is_chosen_by_name_and_the_first_one_otherwise(start, authority, pair, tmp_path):
    two = authority.make(tmp_path / "two", "two", "DNS:two.example")
    one = start("--tls-certificate", pair, "--tls-certificate", two)
    context = client(authority)
    context.check_hostname = False

    def common_name(name):
        with one.connect(context, name) as connection:
            return dict(rdn[0] for rdn in connection.getpeercert()["subject"])["commonName"]

    assert [common_name(n) for n in ("one.example", "x.one.example", "two.example", "x.two.example", None)] == \
        ["one", "one", "two", "one", "one"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_across_shards(start, authority, pair, version):
    one = start("--tls-certificate", pair, "--shards", "2")
    context = client(authority, version=version)
    with one.connect(context) as first:
        ask(first, close=True)
        session = first.session
    for _ in range(12):  # both shards accept
        with one.connect(context, session=session) as connection:
            assert connection.session_reused
            ask(connection, close=True)
            if version == ssl.TLSVersion.TLSv1_3:  # each ticket is used once (RFC 8446 C.4), so the next one comes with the answer
                assert connection.session.id != session.id
                session = connection.session
    one.until(lambda: one.metric("sidestep_tls_handshakes_total", result="resumed") == 12, "they are counted")


def test_http_1_1_is_chosen_and_nothing_in_common_is_an_error(start, authority, pair):
    one = start("--tls-certificate", pair)
    context = client(authority)
    context.set_alpn_protocols(["foo", "http/1.1"])
    with one.connect(context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    context.set_alpn_protocols(["foo"])
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        one.connect(context)


def test_identity_of_a_client_is_passed_on_and_nobody_elses(start, authority, pair, tmp_path):
    robot = authority.make(tmp_path / "robot", "robot", "URI:spiffe://cluster/ns/a,DNS:robot.example")
    one = start("--tls-certificate", pair, "--tls-client-ca", f"optional:{authority.ca}", "--trust-forwarded", "127.0.0.0/8")
    context = client(authority, robot)
    for session in (None, "resumed"):
        with one.connect(context, session=session and kept) as connection:
            assert connection.session_reused == bool(session)
            seen = fields_seen(connection, "X-Forwarded-Client-Cert: Hash=made-up\r\n")
            kept = connection.session
        value, = seen["x-forwarded-client-cert"]
        assert value.startswith("Hash=") and value.endswith(';Subject="CN=robot";URI=spiffe://cluster/ns/a;DNS=robot.example')
    with one.connect(client(authority)) as connection:
        assert "x-forwarded-client-cert" not in fields_seen(connection, "X-Forwarded-Client-Cert: Hash=made-up\r\n")


def test_without_a_certificate_nobody_gets_in_where_it_is_required(start, authority, pair, tmp_path):
    one = start("--tls-certificate", pair, "--tls-client-ca", authority.ca)
    foreign = Authority(tmp_path).make(tmp_path / "foreign", "robot", "DNS:robot.example")
    for context in (client(authority), client(authority, foreign)):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            with one.connect(context) as connection:  # TLS 1.3 tells with the first answer
                ask(connection)
    with one.connect(client(authority, authority.make(tmp_path / "robot", "robot", "DNS:robot.example"))) as connection:
        ask(connection)


def test_a_handshake_that_hangs_is_ended_and_harms_nobody(start, authority, pair):
    one = start("--tls-certificate", pair, "--tls-handshake-timeout", "400ms", "--max-tls-handshakes", "8")
    begun = time.monotonic()
    hanging = [socket.create_connection(("127.0.0.1", one.port)) for _ in range(12)]
    for raw in hanging:
        raw.sendall(b"\x16\x03\x01\x02\x00\x01")  # a ClientHello that does not go on
    with one.connect(client(authority)) as connection:
        ask(connection)
    for raw in hanging:
        raw.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(100) == b""
        raw.close()
    assert time.monotonic() - begun < 3

    def counted(result):
        return one.metric("sidestep_tls_handshakes_total", result=result)

    one.until(lambda: counted("full") == 1 and counted("late") + counted("given_up") == 12, "they are counted")
    assert counted("given_up") >= 4


def test_what_is_no_handshake_is_refused(start, pair):
    one = start("--tls-certificate", pair)
    with socket.create_connection(("127.0.0.1", one.port), timeout=5) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP" not in raw.recv(100)
    one.until(lambda: "http request" in one.log(), "the log says why")


def test_a_connection_that_only_connects_is_no_failure(start, pair):
    one = start("--tls-certificate", pair)
    raw = socket.create_connection(("127.0.0.1", one.port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    socket.create_connection(("127.0.0.1", one.port)).close()
    one.until(lambda: one.metric("sidestep_tls_handshakes_total", result="client_left") == 2, "both are counted")
    assert "refused" not in one.log()


def test_a_start_without_a_usable_certificate_names_the_file_and_the_fix(start, authority, pair, tmp_path):
    secret = Secret(tmp_path / "secret")
    secret.flip(crt=pair / "tls.crt", key=authority.make(tmp_path / "two", "two", "DNS:two.example") / "tls.key")
    for path, what in ((secret.folder, "the private key is not that of the certificate"), (tmp_path / "none", "No such file")):
        one = start("--tls-certificate", path, starts=False)
        assert one.process.wait(20) == 2
        assert str(path) in one.log() and what in one.log()


def test_http_2_is_offered_and_its_requests_carry_the_same_fields(start, authority, pair, tmp_path):
    robot = authority.make(tmp_path / "robot", "robot", "DNS:robot.example")
    one = start("--tls-certificate", pair, "--tls-client-ca", authority.ca)
    got = subprocess.run(["curl", "-sS", "--http2", "--cacert", authority.ca, "--cert", robot / "tls.crt", "--key", robot / "tls.key",
                          "--resolve", f"one.example:{one.port}:127.0.0.1", "-w", "\n%{http_version}\n", "-H", "X-Forwarded-Client-Cert: Hash=made-up",
                          f"https://one.example:{one.port}/", f"https://one.example:{one.port}/"], capture_output=True, text=True, check=True)
    first, version = got.stdout.splitlines()[:2]
    seen = json.loads(first)
    assert version == "2" and seen["x-forwarded-proto"] == ["https"]
    value, = seen["x-forwarded-client-cert"]
    assert value.endswith(";DNS=robot.example")


def test_uploads_pass_whole_when_memory_is_short(start, authority, pair):
    one = start("--tls-certificate", pair, "--stream-buffer-bytes", "4Mi", "--max-buffered-bytes", "1Mi")
    body = bytes(range(256)) * 40_000
    with one.connect(client(authority)) as connection:
        connection.sendall(b"POST /late HTTP/1.1\r\nHost: one.example\r\nContent-Length: %d\r\n\r\n" % len(body))
        connection.sendall(body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 200 and answer.read() == body
    assert one.metric("sidestep_limit_hits_total", limit="max_buffered_bytes") > 0
