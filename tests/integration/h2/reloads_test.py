"""Reloads under clients of HTTP/2: their connections stay, their requests follow the route table, and nothing is lost."""
import pytest
from service import Load, Service, assert_nothing_lost

SHAPE = [
    {"name": "h2", "kind": "h2", "clients": 32, "pauseMs": 2},
    {"name": "h2slow", "kind": "h2", "clients": 8, "path": "/slow?ms=200"},
    {"name": "h2order", "kind": "h2order", "clients": 16, "perSecond": 10},
    {"name": "h1", "kind": "get", "clients": 4, "pauseMs": 5},
]


@pytest.mark.fault("C5", "the app is replaced under clients of HTTP/2", ci=3)
def test_reloads_under_http2_lose_nothing(tmp_path, losses):
    service = Service(tmp_path)
    load = Load(service, SHAPE)
    try:
        for n in losses.rounds():
            service.write_config(version=str(n + 2))
            service.reload()
            assert service.version() == str(n + 2)
        report = load.finish()
    finally:
        load.stop()
        service.stop()
    losses.of(report)
    assert_nothing_lost(report)
    assert [entry["version"] for entry in report["versions"]] == [str(n + 1) for n in range(losses.n + 1)]
