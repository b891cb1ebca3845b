"""User memory that an idle client costs: thousands of kept connections that sent one request each and are silent since."""
import select
import socket
import tempfile
import time
from pathlib import Path

import peers
import processes
import stats

REQUEST = b"GET / HTTP/1.1\r\nHost: idle\r\n\r\n"
AT_ONCE = 500
SILENCE = 5  # seconds: idle is who has been silent for a while


def answered(sockets: list[socket.socket], seconds=20.0):
    """Waits until each of the connections has its whole answer."""
    waiting = {s.fileno(): s for s in sockets}
    poller = select.epoll()
    for fd in waiting:
        poller.register(fd, select.EPOLLIN)
    end = time.monotonic() + seconds
    while waiting:
        if time.monotonic() > end:
            raise RuntimeError(f"{len(waiting)} clients got no answer within {seconds} s")
        for fd, _ in poller.poll(1):
            if not waiting[fd].recv(65536).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("not a 200")
            poller.unregister(fd)
            del waiting[fd]
    poller.close()


def bytes_per_client(peer: peers.Peer, count: int) -> float:
    clients = []
    try:
        for batch in range(count // AT_ONCE + 1):  # the first one fills pools and is not counted
            more = [socket.create_connection(("127.0.0.1", peer.port)) for _ in range(AT_ONCE)]
            for client in more:
                client.sendall(REQUEST)
            answered(more)
            clients += more
            if batch == 0:
                before = processes.memory_kib(peer.pids())["Private"]
        time.sleep(SILENCE)
        return (processes.memory_kib(peer.pids())["Private"] - before) * 1024 / (len(clients) - AT_ONCE)
    finally:
        for client in clients:
            client.close()


def run(options) -> tuple[str, dict, list[stats.Goal]]:
    rows, data = [], {}
    with tempfile.TemporaryDirectory(prefix="sidestep-bench-") as name:
        folder = Path(name)
        app = peers.app(folder, 128)
        try:
            for peer_name in [name for name in options.peers if name not in ("relay", "plane")]:
                more = ("--idle-timeout", "10m") if peer_name == "sidestep" else ()
                peer = peers.proxy(peer_name, folder, app, options.bins, peers.Setup(options=more))
                try:
                    data[peer_name] = bytes_per_client(peer, options.idle)
                finally:
                    peer.stop()
                rows.append([peer_name, f"{data[peer_name]:.0f}"])
        finally:
            app.stop()
    text = f"### User memory per idle client, {options.idle:,} of them\n\n{stats.table(['proxy', 'bytes'], rows)}\n"
    own = data[options.peers[0]]
    return text, data, [stats.Goal("user memory per idle client", "≤ 110 B", f"{own:.0f} B", own <= 110)]
