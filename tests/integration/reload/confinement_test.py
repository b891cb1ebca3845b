"""What the worker gives up once its sockets are bound, and that launcher and app keep what they had."""
import os
import re
import socket
from pathlib import Path

import pytest
from conftest import eventually, free_port

SANITIZED = bool(os.environ.get("SIDESTEP_SANITIZED"))


def statuses(pid):
    """/proc/PID/status of every thread."""
    return [dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            for task in Path(f"/proc/{pid}/task").iterdir()]


def descendants(pid):
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *descendants(int(child))]
    return found


def metric(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    return {name: value == "1" for name, value in re.findall(r'sidestep_worker_restriction\{restriction="(\w+)"\} (\d)', text)}


@pytest.mark.fault("G8", "no capability, no new privilege, a filter of system calls", ci=1, soak=20)
def test_the_worker_has_no_capability_and_its_filter_and_nobody_else_inherits_them(service):
    port = free_port()
    s = service(words=("--control-listen", f"127.0.0.1:{port}", "--shards", "2", "--seccomp", "enforce"))
    assert metric(port) == {"no_new_privileges": True, "capabilities": True, "bounding_set": os.geteuid() == 0 or metric(port)["bounding_set"],
                            "seccomp": not SANITIZED}
    free = [status for status in statuses(s.worker()) if any(status[c].strip("0") for c in ("CapEff", "CapPrm", "CapInh"))
            or status["NoNewPrivs"] != "1" or not (SANITIZED or status["Seccomp"] == "2")]
    assert len(free) <= (1 if SANITIZED else 0), free  # a sanitizer has a thread of its own
    others = [pid for pid in descendants(s.process.pid) if pid != s.worker()]
    assert s.pids_of_app() <= set(others)
    for pid in others:
        for status in statuses(pid):
            assert status["Seccomp"] == "0" and status["NoNewPrivs"] == "0"
    assert "not given up" in s.output() or os.geteuid() != 0  # root is told that it is root
    assert s.reload("--name", "two")["phase"] == "Succeeded"
    killed = s.worker()
    os.kill(killed, 9)  # the next one confines itself as well
    eventually(lambda: s.worker() not in (None, 0, killed) and s.get()[0] == 200, "the next worker serves")
    assert SANITIZED or statuses(s.worker())[0]["Seccomp"] == "2"


@pytest.mark.parametrize("mode", ["off", "log"])
def test_the_filter_can_be_left_out_and_the_metric_says_so(service, mode):
    port = free_port()
    s = service(words=("--control-listen", f"127.0.0.1:{port}", "--seccomp", mode))
    assert metric(port)["seccomp"] is False
    assert mode == "log" or "--seccomp off" in s.output() or SANITIZED


def test_by_itself_the_filter_joins_one_of_a_container_and_is_left_out_where_there_is_none(service):
    port = free_port()
    s = service(words=("--control-listen", f"127.0.0.1:{port}", "--seccomp", "auto"))
    ours = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    assert metric(port)["seccomp"] is (ours["Seccomp"] == "2" and not SANITIZED)
