"""The cases of tests/conformance through the real proxy: what the app's side read and what the client got. Each one whole and byte by
byte; answers also to a client that had sent its next request before."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/conformance"))
import cases  # noqa: E402
import exchange  # noqa: E402

BINS = Path(os.environ.get("SIDESTEP_BIN", TOP / "build/bin"))


@pytest.fixture(scope="module")
def app():
    return exchange.App()


@pytest.fixture(scope="module")
def port(app, tmp_path_factory):
    folder = tmp_path_factory.mktemp("smuggling")
    with exchange.socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open(folder / "log", "w") as log:
        proxy = subprocess.Popen([BINS / "sidestep", "run", "--listen", f"127.0.0.1:{port}", "--control", folder / "control.sock",
                                  "--attach", f"127.0.0.1:{app.port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        exchange.wait_for(port)
        yield port
        assert proxy.poll() is None, (folder / "log").read_text()
    finally:
        proxy.terminate()
        proxy.wait(60)
    assert "Sanitizer" not in (folder / "log").read_text(errors="replace")


@pytest.mark.fault("D1", "smuggling, client to app: the app's side reads one thing, in every reading", ci=1, soak=1)
@pytest.mark.parametrize("one_by_one", [False, True], ids=["whole", "byte_by_byte"])
@pytest.mark.parametrize("case", cases.cases("request"), ids=str)
def test_request_is_read_in_one_way(case, one_by_one, app, port):
    outcome = exchange.run(case, app, port, one_by_one, exchange.SLOW_SECONDS)
    assert exchange.unmet(case, outcome) == []


@pytest.mark.fault("D2", "desync, app to client: the client reads one answer to each request", ci=1, soak=1)
@pytest.mark.parametrize("pipelined", [False, True], ids=["in_turn", "pipelined"])
@pytest.mark.parametrize("case", cases.cases("answer"), ids=str)
def test_answer_is_read_in_one_way(case, pipelined, app, port):
    outcome = exchange.run(case, app, port, pipelined, exchange.SLOW_SECONDS)
    assert exchange.unmet(case, outcome) == []
