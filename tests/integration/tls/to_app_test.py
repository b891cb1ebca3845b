"""TLS from the proxy to the app: trust, names, HTTP/1.1, large bodies both ways, probes."""
import http.client
import json
import ssl

import pytest
from served import PATIENCE, start_app

BIG = bytes(range(256)) * 4096


def context_of(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair / "tls.crt", pair / "tls.key")
    return context


@pytest.fixture(scope="module")
def pair(authority, tmp_path_factory):
    return authority.make(tmp_path_factory.mktemp("app") / "pair", "app", "DNS:shop.example")


@pytest.fixture
def front(start, pair):
    """front(option…): plain HTTP to clients, TLS to the app."""
    def begin(*options, context=None, **settings):
        return start("--app-tls", *options, scheme="", app=start_app(context or context_of(pair)), **settings)
    return begin


def ask(one, method="GET", path="/", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=PATIENCE)
    connection.request(method, path, body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


def test_requests_and_large_bodies_pass_both_ways_on_kept_connections(front):
    one = front()
    for _ in range(20):
        status, body = ask(one)
        assert status == 200 and json.loads(body)["x-forwarded-proto"] == ["http"]
    assert ask(one, path="/big") == (200, BIG)
    assert ask(one, "POST", body=BIG * 4) == (200, BIG * 4)
    one.until(lambda: one.metric("sidestep_app_tls_handshakes_total", result="full") == 1, "the handshake is counted")
    assert one.metric("sidestep_app_connects_total") == 1


def test_the_certificate_must_be_of_the_authority_and_of_the_name(front, authority):
    one = front("--app-tls-ca", authority.ca, "--app-tls-server-name", "shop.example")
    assert ask(one)[0] == 200
