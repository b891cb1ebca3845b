"""Attackers over HTTP/2: their connections end with ENHANCE_YOUR_CALM, memory stays small, and others are served."""
import os
import struct
import time
from pathlib import Path

import pytest
from frames import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST, SETTINGS, WINDOW, Peer, block, field,
                    frame)
from service import IS_SANITIZED, get

CALM = 11
MEMORY = 64 << 20
ATTACKERS = 8


def rapid_reset(n):
    return frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, block()) + frame(RST, 0, 2 * n + 1, struct.pack(">I", 8))


def made_you_reset(n):
    """The client sends what makes us reset: a window that overflows."""
    return frame(HEADERS, END_HEADERS, 2 * n + 1, block()) + frame(WINDOW, 0, 2 * n + 1, struct.pack(">I", 0x7fffffff))


def continuations(n):
    return frame(HEADERS, 0, 1, block()) if n == 0 else frame(CONTINUATION, 0, 1, field(b"x", b"y" * 100))


def header_bomb(n):
    """A large field in the table, and its one-byte index 16,000 times."""
    big = b"\x40\x01x\x7f\xc1\x1e" + b"v" * 4000
    return frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, block() + big + b"\xbe" * 12000)


def empty_data(n):
    return frame(HEADERS, END_HEADERS, 1, block(b"POST", b"/orders")) if n == 0 else frame(DATA, 0, 1) * 10


def tiny_windows(n):
    if n == 0:
        return frame(HEADERS, END_HEADERS | END_STREAM, 1, block(b"GET", b"/download?bytes=1000000"))
    return frame(WINDOW, 0, 1, struct.pack(">I", 1)) * 10


FLOODS = {
    "rapid_reset": rapid_reset,
    "made_you_reset": made_you_reset,
    "continuation": continuations,
    "header_bomb": header_bomb,
    "settings": lambda n: frame(SETTINGS, 0, 0) * 10,
    "ping": lambda n: frame(PING, 0, 0, b"12345678") * 10,
    "priority": lambda n: frame(PRIORITY, 0, 3, struct.pack(">IB", 1, 9)) * 10,
    "empty_data": empty_data,
    "tiny_windows": tiny_windows,
}


def memory_of(service):
    """Peak resident size of parent and worker together."""
    total = 0
    pids = [service.process.pid]
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    for pid in pids + [int(child) for child in children]:
        if os.readlink(f"/proc/{pid}/exe").endswith("/sidestep"):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return total


def attack(peer, flood):
    """Sends until the other side gives up; at most 3,000 times."""
    for n in range(3000):
        if not peer.send(flood(n)):
            return
    peer.socket.shutdown(1)


@pytest.mark.fault("D21", "floods over HTTP/2: each ends its own connection, within 64 MiB", ci=1, soak=20)
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_its_connection_alone(shop, name):
    settings = [(4, 1)] if name == "tiny_windows" else []
    peers = [Peer(shop.port, settings) for _ in range(ATTACKERS)]
    for peer in peers:
        attack(peer, FLOODS[name])
        assert get(shop.port, "/hello")[0] == 200
    codes = [peer.goaway() for peer in peers]
    assert all(code in (CALM, None) for code in codes) and CALM in codes, codes  # a reset may overtake the GOAWAY
    if not IS_SANITIZED:
        assert memory_of(shop) < MEMORY


@pytest.mark.fault("D22", "clients over HTTP/2 that ask for much and read nothing, within 64 MiB", ci=1, soak=20)
def test_clients_that_read_nothing_cost_little(shop):
    ask = [frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, block(b"GET", b"/download?bytes=10000000")) for n in range(50)]
    peers = [Peer(shop.port, [(4, 0x7fffffff)]) for _ in range(4)]
    for peer in peers:
        peer.send(frame(WINDOW, 0, 0, struct.pack(">I", 0x7fff0000 - 65535)) + b"".join(ask))
    worst = 0.0
    for _ in range(20):
        began = time.monotonic()
        assert get(shop.port, "/hello")[0] == 200
        worst = max(worst, time.monotonic() - began)
        time.sleep(0.02)
    for peer in peers:
        peer.close()
    assert worst < (10 if IS_SANITIZED else 2), f"another client waited {worst:.3f} s"
    if not IS_SANITIZED:
        assert memory_of(shop) < MEMORY
