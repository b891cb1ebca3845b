"""What outlives a proxy: the app, its output, the listeners, the record; and who may come back."""
import os
import signal
import socket
import time

from generations_test import alive, until


def test_the_app_survives_the_proxy_and_the_next_one_is_told_everything(world):
    first = world.up()
    pid = first.spawned(3, ["/bin/sleep", "60"])["pid"]
    first.send("keep_record", record=(1, "the record"))
    first.close()
    second = world.proxy().accept()
    assert second.hello["token"] == first.token
    assert [(one["generation"], one["pid"]) for one in second.state["running"]] == [(3, pid)]
    assert second.state["running"][0]["argv"] == ["/bin/sleep", "60"]
    assert second.state["record"] == "the record"
    assert alive(pid)


def test_the_launcher_is_back_at_once(world):
    first = world.up()
    first.close()
    second = world.proxy()
    began = time.monotonic()
    second.accept()
    assert time.monotonic() - began < 5  # it tries every 25 ms; room for a busy machine


def test_kept_listeners_take_connections_while_there_is_no_proxy(world):
    first = world.up()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    first.send("keep_listeners", fds=[listener.fileno()], names=(1, ["listen x"]))
    first.send("ask_tail", generation=(1, 1))
    first.wait("tail")  # the launcher has read everything
    first.close()
    listener.close()
    clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(20)]
    second = world.proxy().accept()
    assert second.state["names"] == ["listen x"]
    again = socket.socket(fileno=second.fds[0])
    again.settimeout(10)
    for client in clients:
        accepted, _ = again.accept()
        accepted.close()
        client.close()
    again.close()


def test_an_exit_that_nobody_heard_is_told_to_the_next_proxy(world):
    first = world.up()
    pid = first.spawned(1, ["/bin/sh", "-c", "sleep 60; true"])["pid"]
    first.close()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))
    second = world.proxy().accept()
    assert second.wait("exited")["signal"] == signal.SIGKILL
    assert second.wait("gone")["generation"] == 1


def test_commands_of_the_future_are_refused_and_the_rest_goes_on(world):
    import fake_proxy
    proxy = world.up()
    fake_proxy.TYPES["future"] = 99
    proxy.send("future")
    assert "unknown command 99" in proxy.wait("refusal")["reason"]
    proxy.spawned(1, ["/bin/true"])


def test_sigterm_is_reported_and_not_passed_on(world):
    proxy = world.up()
    pid = proxy.spawned(1, ["/bin/sleep", "60"])["pid"]
    world.processes[0].terminate()
    proxy.wait("term_seen", timeout=10)
    assert proxy.quiet("exited", 0.5) and alive(pid)
    proxy.stop(1, 1000)
    proxy.wait("gone")
    proxy.send("exit_with", status=(1, 7))
    assert world.processes[0].wait(20) == 7


def test_sigterm_seen_while_there_was_no_proxy_is_in_the_state(world):
    first = world.up()
    first.spawned(1, ["/bin/sleep", "60"])
    first.close()
    world.processes[0].terminate()
    time.sleep(0.1)
    assert world.proxy().accept().state["term_seen"] == 1


def test_without_a_proxy_sigterm_ends_the_app_within_its_grace(world):
    proxy = world.proxy(grace_ms=6000)
    launcher = world.launch()
    proxy.accept()
    pid = proxy.spawned(1, ["/bin/sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done"])["pid"]
    proxy.close()
    began = time.monotonic()
    launcher.terminate()
    assert launcher.wait(20) == 9
    assert time.monotonic() - began > 1.4  # a quarter of the grace, for a proxy to come back
    assert not alive(pid)


def test_without_app_and_proxy_sigterm_ends_it_at_once(world):
    proxy = world.up()
    proxy.close()
    world.processes[0].terminate()
    assert world.processes[0].wait(10) == 0


def test_an_abandoned_app_is_ended(world):
    proxy = world.up("--abandon-after", "1")
    pid = proxy.spawned(1, ["/bin/sleep", "60"])["pid"]
    proxy.close()
    world.processes[0].wait(20)
    assert not alive(pid)


def test_exit_with_ends_what_still_runs(world):
    proxy = world.up()
    pid = proxy.spawned(1, ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"])["pid"]
    proxy.send("exit_with", status=(1, 3))
    assert world.processes[0].wait(20) == 3
    assert not alive(pid)


def test_the_token_is_not_in_memory_that_the_app_may_read(world):
    world.up()
    with open(f"/proc/{world.processes[0].pid}/status", encoding="utf-8") as status:
        text = status.read()
    assert "CoreDumping" in text
    stat = os.stat(f"/proc/{world.processes[0].pid}/mem")
    assert stat.st_uid == 0  # a process that may not be dumped belongs to root, whoever runs it
