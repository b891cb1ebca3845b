"""Certificates of a mounted Secret: a flip under load costs nothing, a bad pair is refused and the last good one kept."""
import concurrent.futures
import ssl
import threading

import pytest
from served import Secret, ask, client


@pytest.fixture
def secret(authority, tmp_path):
    made = Secret(tmp_path / "secret")
    made.first = authority.make(tmp_path / "first", "first", "DNS:one.example")
    made.put(made.first)
    return made


def serial(one, authority):
    with one.connect(client(authority)) as connection:
        ask(connection)
        return connection.getpeercert()["serialNumber"]


def test_a_flip_under_load_fails_no_request(start, authority, secret, tmp_path):
    one = start("--tls-certificate", secret.folder, "--shards", "2")
    before = serial(one, authority)
    over = threading.Event()

    def keep_asking(new_connections):
        count, connection, context = 0, None, client(authority)
        while not over.is_set() or count < 3:
            connection = connection or one.connect(context)
            ask(connection, close=new_connections)
            count += 1
            connection = None if new_connections else connection
        return count

    with concurrent.futures.ThreadPoolExecutor() as pool:
        asking = [pool.submit(keep_asking, kind) for kind in (True, False) * 2]
        for i in range(2):
            last = serial(one, authority)
            secret.put(authority.make(tmp_path / f"next{i}", "next", "DNS:one.example", days=10))
            one.until(lambda: serial(one, authority) != last, "the new certificate is shown")  # noqa: B023
        over.set()
        assert all(f.result() >= 3 for f in asking)
    assert serial(one, authority) != before
    assert one.metric("sidestep_tls_handshakes_total", result="failed") == 0


def test_a_pair_that_is_worse_is_refused_and_the_last_good_one_kept(start, authority, secret, tmp_path):
    one = start("--tls-certificate", secret.folder)
    good = serial(one, authority)
    path = str(secret.folder)
    ends = one.metric("sidestep_tls_certificate_expiry_timestamp_seconds", path=path)
    assert ends == ssl.cert_time_to_seconds(ssl._ssl._test_decode_cert(str(secret.first / "tls.crt"))["notAfter"])
    other = authority.make(tmp_path / "other", "other", "DNS:one.example")
    expired = authority.make(tmp_path / "expired", "expired", "DNS:one.example", days=-1)
    garbage = tmp_path / "garbage"
    garbage.write_text("garbage")
    bad = [(secret.first / "tls.crt", other / "tls.key", "not that of the certificate"),
           (expired / "tls.crt", expired / "tls.key", "expired"),
           (garbage, other / "tls.key", "no certificate in PEM form")]
    for count, (certificate, key, why) in enumerate(bad, 1):
        secret.flip(crt=certificate, key=key)
        one.until(lambda: one.metric("sidestep_tls_certificate_refused_total", path=path) == count, why)  # noqa: B023
        assert why in one.log().splitlines()[-1]
        assert serial(one, authority) == good
    secret.put(other)
    one.until(lambda: serial(one, authority) != good, "the next good one is used")
    assert one.metric("sidestep_tls_certificate_refused_total", path=path) == len(bad)
