"""The sidecar within its container's memory limit: clients that would fill it are refused before the kernel kills anything."""
import re
import socket
import urllib.request

import pytest
from harness.shop import PORT
from harness.waiting import eventually

CONTROL_PORT = 8086
CLIENTS, HEAD = 1500, b"GET / HTTP/1.1\r\nHost: shop\r\nX-Endless: " + b"x" * 60_000  # 90 MB, and the limit is 64 MiB


def times_short(address: str) -> int:
    text = urllib.request.urlopen(f"http://{address}:{CONTROL_PORT}/metrics", timeout=10).read().decode()
    return int(re.search(r'sidestep_limit_hits_total\{limit="max_memory_bytes"\} (\d+)', text)[1])


def flood(address: str) -> list[socket.socket]:
    """Heads without an end; what the sidecar does not take stays in the kernel, or with us."""
    clients = []
    for _ in range(CLIENTS):
        client = socket.create_connection((address, PORT), timeout=10)
        clients.append(client)
        client.settimeout(0.05)
        try:
            client.sendall(HEAD)
        except OSError:
            pass  # full, or closed: both are what the limit is for
    return clients


@pytest.mark.fault("H3", "1500 endless heads in a pod with a limit of 64 MiB: nothing is killed, and it serves again", ci=1, soak=3)
def test_heads_without_an_end_do_not_get_the_sidecar_killed(shop, losses):
    shop.install(1)
    (pod,) = shop.pods.all()
    name, address = pod["metadata"]["name"], pod["status"]["podIP"]
    before, processes = shop.pods.identities(), shop.pods.processes(name, "sidestep")
    for _ in losses.rounds():
        was = times_short(address)
        clients = flood(address)
        assert times_short(address) > was, "the limit was not reached"
        for client in clients:
            client.close()

        def serves() -> bool:
            with urllib.request.urlopen(f"http://{address}:{PORT}/hello", timeout=10) as answer:
                return answer.status == 200
        eventually("it serves again", serves, 60)
        losses.served()
        assert shop.pods.identities() == before, "a container was killed"
        assert shop.pods.processes(name, "sidestep") == processes
