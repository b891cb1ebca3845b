"""What is compared with what, under which load, and what is promised of the ratio. One scenario is one table."""
from dataclasses import dataclass, replace

import processes
from peers import Setup


@dataclass(frozen=True)
class Load:
    connections: int = 64
    streams: int = 0  # at a time on each connection, HTTP/2; 0: HTTP/1.1
    headers: tuple[str, ...] = ()
    closes: bool = False  # each request on a connection of its own


@dataclass(frozen=True)
class Contender:
    label: str
    peer: str
    setup: Setup
    load: Load
    core: str = processes.PROXY_CORE


@dataclass(frozen=True)
class Bar:
    other: str   # the first contender's cost ÷ this one's
    most: float


@dataclass(frozen=True)
class Scenario:
    title: str
    contenders: tuple[Contender, ...]
    bars: tuple[Bar, ...] = ()
    body_bytes: int = 128

    def only(self, names) -> "Scenario":
        """Without the peers that were not asked for; the first stays."""
        kept = [c for i, c in enumerate(self.contenders) if i == 0 or not names or c.peer in names]
        return replace(self, contenders=tuple(kept))


def side_by_side(title: str, setup: Setup, load: Load, others: str, bars: dict[str, float], body_bytes: int = 128) -> Scenario:
    contenders = [Contender("sidestep", "sidestep", setup, load), Contender("sidestep (A/A)", "sidestep", setup, load)]
    contenders += [Contender(name, name, setup, load) for name in others.split()]
    return Scenario(title, tuple(contenders), tuple(Bar(*bar) for bar in bars.items()), body_bytes)


def own(title: str, first: Contender, second: Contender, most: float) -> Scenario:
    return Scenario(title, (first, second), (Bar(second.label, most),))


PLAIN, MIB = Setup(), 1 << 20
BIG_TWO = {"haproxy": 0.90, "nginx": 0.90}
BOTH_CORES = f"{processes.PROXY_CORE},{processes.LOAD_CORE}"

SCENARIOS = {
    "cpu": side_by_side("HTTP/1.1, 64 kept connections", PLAIN, Load(64), "haproxy nginx nghttpx relay plane", {**BIG_TWO, "relay": 1.15}),
    "cpu256": side_by_side("HTTP/1.1, 256 kept connections", PLAIN, Load(256), "haproxy nginx relay", {**BIG_TWO, "relay": 1.15}),
    "unix": own("App on a Unix socket", Contender("sidestep, Unix socket", "sidestep", Setup(back="unix"), Load(64)),
                Contender("sidestep, TCP", "sidestep", PLAIN, Load(64)), 0.92),
    "h2": side_by_side("HTTP/2 in, HTTP/1.1 out, 8 connections × 16 streams", Setup(front="h2"), Load(8, 16), "haproxy nginx nghttpx", {"haproxy": 0.80}),
    "h2h2": side_by_side("HTTP/2 in and out, 8 connections × 16 streams", Setup(front="h2", back="h2"), Load(8, 16), "haproxy nghttpx", {"haproxy": 0.80}),
    "large": side_by_side("1 MiB answers, 16 connections", PLAIN, Load(16), "haproxy nginx nghttpx", {"haproxy": 0.45}, MIB),
    "handshakes": side_by_side("TLS 1.3, a handshake per request", Setup(front="tls"), Load(16, headers=("Connection: close",), closes=True), "haproxy nginx",
                               {"haproxy": 1.00}),
    "tls-large": side_by_side("1 MiB answers over TLS, 16 connections", Setup(front="tls"), Load(16), "haproxy nginx", {"haproxy": 1.00}, MIB),
    # The relay shows what the kernel alone makes of so many sockets.
    "connections": Scenario("8,000 connections beside 64", tuple(
        Contender(f"{peer}, {count:,}", peer, PLAIN, Load(count)) for peer in ("sidestep", "relay", "haproxy") for count in (8000, 64)),
        (Bar("sidestep, 64", 1.10), Bar("relay, 8,000", 1.15))),
    "shards": own("Two shards beside one", Contender("sidestep, 2 shards", "sidestep", Setup(options=("--shards", "2")), Load(64), BOTH_CORES),
                  Contender("sidestep, 1 shard", "sidestep", Setup(options=("--shards", "1")), Load(64), BOTH_CORES), 1.10),
}
