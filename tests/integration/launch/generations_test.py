"""Starting, signalling, ending and reaping what the app forks."""
import os
import signal
import subprocess
import sys
import time

PYTHON = "/usr/bin/python3"


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not become true"
        time.sleep(0.01)


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8") as stat:
                    if int(stat.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(entry))
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


# Prints the pids of a child in the group and of a daemon: a session of its own, forked twice, its environment wiped.
DETACHER = r"""
import os, sys, time, signal
ignore = len(sys.argv) > 1 and sys.argv[1] == 'ignore'
def sleeper():
    if ignore: signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True: time.sleep(60)
child = os.fork()
if child == 0: sleeper()
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    daemon = os.fork()
    if daemon: os.write(w, str(daemon).encode()); os._exit(0)
    sleeper()
os.wait()
print(child, os.read(r, 20).decode(), flush=True)
if len(sys.argv) > 2:
    time.sleep(1)  # its lines can be asked for while it lives
    sys.exit(int(sys.argv[2]))
sleeper()
"""


def start_detacher(proxy, *args):
    spawned = proxy.spawned(1, [PYTHON, "-c", DETACHER, *args])
    lines = []

    def told():
        proxy.send("ask_tail", generation=(1, 1))
        lines[:] = proxy.wait("tail")["output"]
        return lines
    until(told)
    return [spawned["pid"], *map(int, lines[0].split())]


def test_the_hello_carries_the_command_and_the_first_one_no_token(world):
    proxy = world.up(command=["/bin/app", "--port", "{port}"])
    assert proxy.hello["command"] == ["/bin/app", "--port", "{port}"]
    assert proxy.hello["token"] == ""
    assert proxy.hello["major"] == 1


def test_exit_status_and_last_lines_are_reported(world):
    proxy = world.up()
    proxy.spawned(1, ["/bin/sh", "-c", "for i in $(seq 60); do echo line $i; done; echo oops >&2; exit 7"])
    exited = proxy.wait("exited")
    assert (exited["status"], exited["signal"], exited["was_asked"]) == (7, 0, 0)
    assert len(exited["output"]) == 50 and {"line 60", "oops"} < set(exited["output"])
    proxy.wait("gone")


def test_the_signal_that_ended_it_is_reported(world):
    proxy = world.up()
    pid = proxy.spawned(1, ["/bin/sleep", "60"])["pid"]
    os.kill(pid, signal.SIGSEGV)
    assert proxy.wait("exited")["signal"] == signal.SIGSEGV


def test_a_command_that_does_not_exist_is_named_at_once(world):
    proxy = world.up()
    proxy.spawn(1, ["/no/such/app"])
    assert "/no/such/app: No such file" in proxy.wait("spawn_failed", timeout=5)["message"]
    proxy.spawn(2, ["no-such-app"])
    message = proxy.wait("spawn_failed", timeout=5)["message"]
    assert "no-such-app" in message and "PATH" in message


def test_a_missing_interpreter_is_not_called_a_missing_program(world):
    proxy = world.up()
    script = os.path.join(world.run_dir, "script")
    with open(script, "w", encoding="utf-8") as out:
        out.write("#!/no/such/interpreter\n")
    os.chmod(script, 0o755)
    proxy.spawn(1, [script])
    assert "interpreter" in proxy.wait("spawn_failed")["message"]


def test_stop_reaches_the_group_and_the_daemons(world):
    proxy = world.up()
    pids = start_detacher(proxy)
    assert all(map(alive, pids))
    proxy.stop(1, 60000)
    exited = proxy.wait("exited", timeout=10)
    assert exited["signal"] == signal.SIGTERM and exited["was_asked"] == 1
    proxy.wait("gone", timeout=10)
    assert not any(map(alive, pids))


def test_who_ignores_sigterm_is_killed_after_the_limit_and_not_before(world):
    proxy = world.up()
    pids = start_detacher(proxy, "ignore")
    began = time.monotonic()
    proxy.stop(1, 700)
    assert proxy.wait("exited")["signal"] == signal.SIGKILL
    proxy.wait("gone")
    assert time.monotonic() - began > 0.65
    assert not any(map(alive, pids))


def test_a_program_that_forks_away_is_named_and_what_it_left_is_ended(world):
    proxy = world.up()
    pids = start_detacher(proxy, "stay", "0")
    exited = proxy.wait("exited")
    assert exited["forked_away"] == 1 and exited["status"] == 0
    proxy.wait("gone")
    assert not any(map(alive, pids))


def test_no_zombie_is_left_after_many_restarts(world):
    proxy = world.up()
    launcher = world.processes[0].pid
    for generation in range(1, 61):
        proxy.spawn(generation, ["/bin/sh", "-c", "true & exit 0"])
        proxy.wait("gone", generation=generation)
    until(lambda: not children(launcher))


def test_a_killed_shim_takes_its_generation_with_it_and_no_other(world):
    proxy = world.up()
    launcher = world.processes[0].pid
    pids = start_detacher(proxy)
    shim = children(launcher)[0]
    other = proxy.spawned(2, ["/bin/sleep", "60"])["pid"]
    os.kill(shim, signal.SIGKILL)
    assert proxy.wait("exited")["generation"] == 1
    until(lambda: not any(map(alive, pids)))
    assert alive(other)


def test_a_killed_launcher_takes_every_generation_with_it(world):
    proxy = world.up()
    pids = start_detacher(proxy)
    world.processes[0].kill()
    until(lambda: not any(map(alive, pids)))


def test_environment_is_the_containers_own_with_the_orders_over_it(world):
    proxy = world.up(env={"HOME": "/home/x", "PATH": "/bin", "PORT": "1"})
    proxy.spawned(1, ["sh", "-c", "echo $HOME $PORT"], env=["PORT=8080"])
    assert proxy.wait("exited")["output"] == ["/home/x 8080"]


def test_the_app_inherits_nothing_but_its_standard_descriptors(world):
    proxy = world.up()
    listener = os.pipe()  # any descriptor will do
    proxy.send("keep_listeners", fds=[listener[0]], names=(1, ["x"]))
    proxy.spawned(1, ["/bin/ls", "/proc/self/fd"])
    assert proxy.wait("exited")["output"] == ["0", "1", "2", "3"]  # 3 is ls's own


def test_output_that_nobody_reads_does_not_block_the_app(world):
    read_end, write_end = os.pipe()
    proxy = world.up(stdout=write_end)
    os.close(write_end)
    proxy.spawned(1, [PYTHON, "-c", "import sys; [print('x' * 1000) for _ in range(5000)]; print('done')"])
    exited = proxy.wait("exited", timeout=10)
    assert exited["status"] == 0 and exited["output"][-1] == "done"
    proxy.spawned(2, ["/bin/echo", "still here"])
    assert proxy.wait("exited", generation=2)["status"] == 0
    os.close(read_end)


def test_output_is_passed_through(world):
    proxy = world.up(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    proxy.spawned(1, ["/bin/sh", "-c", "echo to-out; echo to-err >&2"])
    proxy.wait("exited")
    process = world.processes[0]
    assert process.stdout.readline() == b"to-out\n"
    assert process.stderr.readline() == b"to-err\n"


def test_our_standard_output_is_not_made_non_blocking_for_others(world):
    import fcntl
    read_end, write_end = os.pipe()
    proxy = world.up(stdout=write_end)
    proxy.spawned(1, ["/bin/echo", "x"])
    proxy.wait("exited")
    assert not fcntl.fcntl(write_end, fcntl.F_GETFL) & os.O_NONBLOCK
    os.close(read_end)
    os.close(write_end)


def test_a_socket_is_reported_once_it_is_bound_and_anybody_may_connect(world):
    proxy = world.up()
    code = ("import os,socket,sys,time; time.sleep(0.2); os.umask(0o177); s=socket.socket(socket.AF_UNIX); "
            "s.bind(sys.argv[1]); s.listen(); time.sleep(60)")
    spawned = proxy.spawned(1, [PYTHON, "-c", code, "{socket}"], socket_wanted=1)
    assert spawned["socket"] == "run/app/g1.sock"
    proxy.wait("socket_ready", generation=1)
    path = os.path.join(world.run_dir, spawned["socket"])
    assert os.stat(path).st_mode & 0o777 == 0o666
    proxy.stop(1, 0)
    proxy.wait("gone")
    until(lambda: not os.path.exists(path))


def test_a_placeholder_that_stands_for_nothing_is_an_error(world):
    proxy = world.up()
    proxy.spawn(1, ["/bin/echo", "{config}"])
    assert "{config}" in proxy.wait("spawn_failed")["message"]


def test_configuration_is_pinned_and_dropped(world):
    config = os.path.join(world.run_dir, "app.yaml")
    with open(config, "w", encoding="utf-8") as out:
        out.write("one")
    proxy = world.up("--config-dir", os.path.join(world.run_dir, "snap"))
    proxy.send("snapshot", generation=(1, 1), source=(2, field_of_source(config)))
    assert proxy.wait("config_hash")["hash"].startswith("v1:sha256:")
    with open(config, "w", encoding="utf-8") as out:
        out.write("two")
    proxy.spawned(2, ["/bin/sh", "-c", "cat {config} $SIDESTEP_CONFIG"], config=1)
    assert proxy.wait("exited")["output"] == ["oneone"]
    proxy.send("drop_snapshot", generation=(1, 1))
    proxy.spawn(3, ["/bin/true"], config=1)
    assert "no configuration snapshot of generation 1" in proxy.wait("spawn_failed")["message"]


def field_of_source(path):
    from fake_proxy import field
    return field(1, path)


def test_wrong_usage_exits_2_and_names_the_fix(world):
    from conftest import binary
    for args, text in ([[], "no command"], [["--grace", "soon", "--", "x"], "--grace: \"soon\""],
                       [["/bin/app"], "goes after --"], [["--run-dir", "here", "--", "x"], "an absolute path"]):
        done = subprocess.run([binary("sidestep-launch"), *args], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 2 and text in done.stderr, done
    done = subprocess.run([binary("sidestep-launch"), "--version"], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.startswith("sidestep-launch ")


if __name__ == "__main__":
    sys.exit("run by pytest")
