"""The proxy replaces itself, and no client notices."""
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import SLOWER, at_the_app, command_line, holders_of, links_of
from service import BINS, IS_SANITIZED, assert_nothing_lost, eventually, free_port, get

CLIENTS = 16 if IS_SANITIZED else 64


@pytest.mark.fault("A1", "the worker is replaced under busy kept connections", ci=3, soak=20)
def test_upgrades_under_kept_connections_lose_nothing(start, load, losses):
    proxy = start()
    running = load(proxy, [{"kind": "get", "clients": CLIENTS}, {"kind": "order", "clients": 4, "perSecond": 20}])
    for _ in losses.rounds():
        proxy.upgrade()
    report = running.finish()
    losses.of(report)
    assert_nothing_lost(report)
    proxy.one_worker()


@pytest.mark.fault("A2", "the worker is replaced while every request has a connection of its own", ci=3, soak=20)
def test_upgrades_under_new_connections_refuse_nothing(start, load, losses):
    proxy = start()
    running = load(proxy, [{"kind": "fresh", "perSecond": 400}])
    for _ in losses.rounds():
        proxy.upgrade()
    report = running.finish()
    losses.of(report)
    assert_nothing_lost(report)


@pytest.mark.fault("A3", "1,000 connections wait unaccepted when the present worker stops accepting", ci=1, soak=20)
def test_connections_that_wait_unaccepted_are_served_by_the_next_worker(start, losses):
    for _ in losses.rounds():
        proxy = start("--max-clients", "4")
        holders = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(4)]  # all that this worker takes
        time.sleep(0.3)
        waiting = []
        for _ in range(1000):
            client = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
            client.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            waiting.append(client)
        proxy.upgrade("--", "--max-clients", "5000")
        for client in waiting:
            answer = client.recv(100)
            losses.served() if answer.startswith(b"HTTP/1.1 200") else losses.lost(answer)
            client.close()
        for holder in holders:
            holder.close()
        proxy.stop()


def new_worker(proxy, before):
    return eventually(lambda: [pid for pid in proxy.workers() if pid not in before], "another worker is started")[0]


@pytest.mark.fault("A4", "the new worker is killed at a random point of the exchange", ci=5, soak=50)
def test_a_new_worker_that_is_killed_leaves_a_proxy_that_serves_and_can_try_again(start, losses):
    proxy = start()
    for n in losses.rounds():
        before = proxy.workers()
        proxy.process.send_signal(signal.SIGUSR2)
        victim = new_worker(proxy, before)
        time.sleep((n * 7 % 20) / 1000)
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass
        status, _ = get(proxy.port, "/version", timeout=20)
        losses.served() if status == 200 else losses.lost(status)
        eventually(lambda: proxy.status()["upgrade"]["phase"] != "Running", "it is over")
        proxy.one_worker()
    proxy.upgrade()


@pytest.mark.parametrize("program, why", [("/bin/false", "status 1"), ("/etc/passwd", "Permission denied"), ("/no/such/../program", None)])
@pytest.mark.fault("A4", "the program to upgrade to is none", ci=1, soak=20)
def test_a_program_that_is_none_costs_nothing_and_is_named(start, program, why):
    proxy = start("--upgrade-binary", program)
    worker = proxy.workers()
    if why is None:  # it is not there: the running one is started again
        proxy.upgrade()
        return
    assert why in proxy.upgrade(expect=1)
    assert proxy.workers() == worker and get(proxy.port, "/version")[0] == 200
    assert proxy.metric("sidestep_upgrades_total") == 1


IMPOSTOR = """
#include <sys/socket.h>
#include <unistd.h>
int main() {{
  const char says[] = "{says}";
  if (sizeof says > 1) send(3, says, sizeof says - 1, 0);  // to the parent
  sleep(60);
}}
"""


@pytest.mark.parametrize("says, why", [("", "--upgrade-timeout"), ("proved 00112233445566778899aabbccddeeff parent=1", "another process")],
                         ids=["nothing", "another_nonce"])
@pytest.mark.fault("A7", "while the present worker answers every request, a program that runs and does not show this attempt's nonce", ci=1, soak=20)
def test_that_requests_are_answered_proves_no_new_worker(start, tmp_path, losses, says, why):
    program = tmp_path / "impostor"
    subprocess.run(["g++", "-x", "c++", "-o", program, "-"], input=IMPOSTOR.format(says=says).encode(), check=True)
    proxy = start("--upgrade-binary", program, "--upgrade-timeout", "1s")
    worker = proxy.workers()
    for _ in losses.rounds():
        assert why in proxy.upgrade(expect=1)
        status, _ = get(proxy.port, "/version")
        losses.served() if status == 200 else losses.lost(status)
    assert proxy.workers() == worker


@pytest.mark.fault("A6", "several ask at once, then one upgrade after the other", ci=6, soak=100)
def test_one_upgrade_at_a_time_and_no_process_is_stranded(start, losses):
    proxy = start("--upgrade-idle-timeout", "1s")
    answers = []
    askers = [threading.Thread(target=lambda: answers.append(proxy.command("upgrade"))) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    codes = sorted(answer.returncode for answer in answers)
    assert codes[0] == 0 and set(codes) <= {0, 3, 4}, [answer.stderr for answer in answers]
    for _ in losses.rounds():
        proxy.upgrade()
        losses.served()
    proxy.one_worker()
    assert holders_of(proxy.port) == {proxy.process.pid, *proxy.children()}  # parent, worker, launcher


@pytest.mark.fault("A8", "what the app inherits after an upgrade", ci=1, soak=20)
def test_the_app_inherits_no_listener_after_an_upgrade(start):
    proxy = start()
    proxy.upgrade()
    proxy.write_config(version="2")
    proxy.reload()  # spawned by way of the new worker
    app = proxy.status()["active"]["pid"]
    shared = links_of(proxy.one_worker()) & links_of(app)
    assert not [link for link in shared if link.startswith("socket:")]


@pytest.mark.fault("A9", "started by a relative name; the program is replaced, then deleted", ci=1, soak=20)
def test_the_program_on_disk_is_what_runs_afterwards_also_when_it_is_gone(start, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sidestep", "sidestep-launch"):
        shutil.copy(BINS / name, folder / name)
    proxy = start(program="./bin/sidestep", cwd=tmp_path)
    parent = proxy.process.pid
    shutil.copy(BINS / "sidestep", folder / "next")
    os.rename(folder / "next", folder / "sidestep")
    proxy.upgrade()
    inode = os.stat(folder / "sidestep").st_ino
    eventually(lambda: os.stat(f"/proc/{parent}/exe").st_ino == inode, "the parent runs it")
    assert os.stat(f"/proc/{proxy.one_worker()}/exe").st_ino == inode
    os.remove(folder / "sidestep")
    proxy.upgrade()
    assert get(proxy.port, "/version")[0] == 200 and proxy.process.poll() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of processes takes root")
@pytest.mark.fault("A9", "the proxy is PID 1", ci=1, soak=20)
def test_an_upgrade_as_pid_1(start):
    proxy = start(before=["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"])
    for _ in range(2):
        assert "succeeded" in proxy.upgrade()
    assert get(proxy.port, "/version")[0] == 200


@pytest.mark.fault("A10", "ports are added and removed, the number of threads changes", ci=1, soak=20)
def test_listeners_and_threads_change_with_an_upgrade(start, load):
    proxy = start()
    running = load(proxy, [{"kind": "get", "clients": 8}, {"kind": "fresh", "perSecond": 50}])
    first, second = f"127.0.0.1:{proxy.port}", free_port()
    proxy.upgrade("--", "--listen", first, f"--listen=127.0.0.1:{second}", "--shards", "2")
    assert get(second, "/version")[0] == 200
    proxy.upgrade("--", "--listen", first, "--shards", "1")
    eventually(lambda: not holders_of(second), "nobody has the port that was removed")
    taken = socket.create_server(("127.0.0.1", second))
    assert "is taken" in proxy.upgrade("--", "--listen", first, "--listen", f"127.0.0.1:{second}", expect=1)
    taken.close()
    assert_nothing_lost(running.finish())


@pytest.mark.fault("A11", "WebSockets are held while the worker is replaced again and again", ci=3, soak=20)
def test_old_workers_are_bounded_in_number_and_age_and_tell_their_web_sockets(start, load, losses):
    proxy = start("--upgrade-max-old", "1", "--upgrade-drain-timeout", "2s")
    running = load(proxy, [{"name": "ws", "kind": "ws", "clients": 10}, {"kind": "get", "clients": 4, "perSecond": 50}])
    most = 0
    for _ in losses.rounds():
        proxy.upgrade()
        time.sleep(0.3)
        most = max(most, len(proxy.workers()))
    assert most <= 3, most  # the one that serves, one old one, and one that ends
    proxy.one_worker("nothing is left of the old ones")
    report = running.finish()
    losses.of(report)
    assert_nothing_lost(report)


@pytest.mark.fault("A12", "the proxy is told to end while a replaced worker still has a stream", ci=1, soak=20)
def test_the_end_does_not_wait_for_the_long_drain_of_a_replaced_worker(start):
    proxy = start("--grace-seconds", "10")
    done = []
    slow = threading.Thread(target=lambda: done.append(get(proxy.port, f"/slow?ms={750 * (1 + SLOWER)}", timeout=20)))
    slow.start()
    at_the_app(proxy)
    proxy.upgrade()
    began = time.monotonic()
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait(20)
    slow.join()
    assert done and done[0][0] == 200
    assert time.monotonic() - began < 12


@pytest.mark.fault("A13", "everything of the proxy is killed after an upgrade", ci=1, soak=20)
def test_a_proxy_that_is_killed_after_an_upgrade_is_followed_by_one_that_adopts_the_app(start):
    proxy = start()
    proxy.upgrade()
    app = proxy.status()["active"]["pid"]
    for pid in [proxy.process.pid, *proxy.workers()]:
        os.kill(pid, signal.SIGKILL)
    proxy.process.wait()
    proxy.start()
    assert proxy.status()["active"]["pid"] == app


def test_a_reload_under_way_goes_on_in_the_next_worker_and_counters_do_not_go_back(start, load):
    steps = [{"weightPerTenThousand": 3000, "pauseSeconds": 2}, {"weightPerTenThousand": 10000}]
    proxy = start(policy={"rollout": {"steps": steps}, "analysis": {"minimumRequests": 1}})
    running = load(proxy, [{"kind": "get", "clients": 8, "perSecond": 30}, {"kind": "fresh", "perSecond": 50}])
    proxy.write_config(version="2")
    assert proxy.command("reload", "--no-wait", "--id", "r-1").returncode == 0
    eventually(lambda: proxy.status()["phase"] == "Judging", "the candidate is judged")
    before, requests = proxy.status(), proxy.metric("sidestep_requests_total")
    proxy.upgrade()
    after = proxy.status()
    assert after["bootId"] == before["bootId"] and after["reload"]["id"] == "r-1" and after["reload"]["phase"] == "Judging"
    assert after["candidate"]["pid"] == before["candidate"]["pid"]
    assert proxy.metric("sidestep_requests_total") >= requests
    done = json.loads(proxy.command("wait", "--reload", "r-1", "-o", "json").stdout)["reload"]
    assert done["phase"] == "Succeeded" and sum(done["receipt"]["requests"].values()) > 0, done
    report = running.finish()
    assert_nothing_lost(report)
    assert proxy.version() == "2"


def test_a_generation_is_not_stopped_while_a_replaced_worker_has_a_request_on_it(start):
    proxy = start()
    answers = []
    slow = threading.Thread(target=lambda: answers.append(get(proxy.port, f"/slow?ms={2500 * SLOWER}", timeout=20)))
    slow.start()
    at_the_app(proxy)
    first = proxy.status()["active"]["pid"]
    proxy.upgrade()
    proxy.write_config(version="2")
    assert proxy.command("reload", "--no-wait").returncode == 0
    eventually(lambda: proxy.version() == "2", "the new generation serves")
    assert os.path.exists(f"/proc/{first}") and not answers
    slow.join()
    assert answers[0][0] == 200
    eventually(lambda: not os.path.exists(f"/proc/{first}"), "then it is stopped")


def test_a_kept_connection_is_told_before_it_is_closed(start):
    proxy = start()
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    request = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
    client.sendall(request)
    assert b"Connection: close" not in client.recv(4096)
    proxy.upgrade()
    client.sendall(request)
    told = client.recv(4096)
    assert told.startswith(b"HTTP/1.1 200") and b"connection: close" in told.lower()
    proxy.one_worker()


def test_a_control_call_that_is_half_sent_at_the_exchange_is_answered(start):
    proxy = start()
    with socket.socket(socket.AF_UNIX) as call:
        call.settimeout(20)
        call.connect(str(proxy.control))
        call.sendall(b"GET /v1/status HTTP/1.1\r\nHost: loc")
        before = proxy.workers()
        proxy.process.send_signal(signal.SIGUSR2)
        new_worker(proxy, before)
        eventually(lambda: b"retired" in command_line(before[0]) or proxy.status()["oldWorkers"] == 1, "it is replaced")
        call.sendall(b"alhost\r\n\r\n")
        answer = b"".join(iter(lambda: call.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer.lower()
    proxy.one_worker()


def test_a_launcher_that_is_about_to_be_started_again_is_not_forgotten_by_the_next_parent(start):
    proxy = start()
    launcher = [pid for pid in proxy.children() if b"sidestep-launch" in command_line(pid)]
    os.kill(launcher[0], signal.SIGKILL)
    proxy.process.send_signal(signal.SIGUSR2)
    eventually(lambda: proxy.status().get("upgrade", {}).get("phase", "Running") != "Running", "the upgrade is over")
    eventually(lambda: launcher[0] not in proxy.children() and get(proxy.port, "/version")[0] == 200, "another launcher has the app", 40)
    proxy.one_worker()
