"""The command line against a running program: exit codes, output, and where it finds the socket."""
import json
import os
import subprocess
import threading

from running import APP, SIDESTEP


def test_reload_waits_and_prints_its_receipt(start):
    one = start()
    done = one.cli("reload", "--reason", "new colour")
    assert done.returncode == 0, done.stderr
    assert "succeeded: generation 2 is active" in done.stdout
    for row in ("requests", "failed", "held", "retried", "connections cut", "took"):
        assert f"\n  {row}" in done.stdout
    assert done.stderr.startswith("starting  generation 2")


def test_reload_with_another_environment_and_command(start):
    one = start()
    assert one.cli("reload", "--env", "COLOUR=blue").returncode == 0
    assert one.ask("/env/COLOUR").text.strip() == "blue"
    assert one.cli("reload", "--", *APP, "--name", "other").returncode == 0
    assert one.ask("/").text.strip() == "other"
    assert one.ask("/env/COLOUR").text.strip() == "blue", "the environment of active is kept"


def test_failed_reload_exits_1_and_shows_the_last_output(start):
    one = start()
    before = one.ask("/pid").text
    done = one.cli("reload", "--", *APP, "--exit-at-start", "3")
    assert done.returncode == 1
    assert "failed and was rolled back (ExitedEarly)" in done.stdout
    assert "exited with status 3" in done.stdout
    assert "    | app: cannot read its configuration\n" in done.stdout
    assert one.ask("/pid").text == before


def test_json_is_one_document_everywhere(start):
    one = start()
    assert json.loads(one.cli("status", "-o", "json").stdout)["phase"] == "Serving"
    assert json.loads(one.cli("why", "-o", "json").stdout)["decisions"]
    assert json.loads(one.cli("reload", "-o", "json").stdout)["reload"]["phase"] == "Succeeded"
    refused = one.cli("promote", "-o", "json")
    assert refused.returncode == 3
    assert json.loads(refused.stdout)["error"]["kind"] == "conflict"


def test_status_has_what_the_contract_names(start):
    status = json.loads(start().cli("status", "-o", "json").stdout)
    assert {"phase", "active", "candidate", "retiring", "reload"} <= set(status)
    assert {"generation", "pid", "address", "startedAt", "requests", "weightPerTenThousand"} <= set(status["active"])


def test_abort_takes_the_candidate_back(start):
    one = start()
    reload = subprocess.Popen([SIDESTEP, "reload", "--control", one.control, "--", *APP, "--start-delay", "60"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    one.until(lambda: one.status()["candidate"] is not None, "a candidate")
    done = one.cli("abort", "--reason", "changed my mind")
    assert done.returncode == 0, done.stderr
    assert "was aborted and rolled back" in done.stdout
    out, _ = reload.communicate(timeout=30)
    assert reload.returncode == 1
    assert "AbortedByUser" in out


def test_reload_that_takes_too_long_exits_4_and_goes_on(start):
    one = start()
    done = one.cli("reload", "--timeout", "1s", "--", *APP, "--start-delay", "60")
    assert done.returncode == 4
    assert "it goes on: sidestep wait, or sidestep abort" in done.stderr
    assert one.cli("abort").returncode == 0


def test_no_wait_returns_at_once_and_wait_brings_the_verdict(start):
    one = start()
    begun = one.cli("reload", "--no-wait", "--id", "r-7")
    assert begun.returncode == 0 and "reload r-7 has begun" in begun.stdout
    done = one.cli("wait", "--reload", "r-7")
    assert done.returncode == 0 and "reload r-7 succeeded" in done.stdout


def test_wrong_usage_exits_2_and_names_every_mistake(start):
    done = start().cli("reload", "--timeout", "5", "--forse")
    assert done.returncode == 2
    assert '--timeout: "5": not a duration' in done.stderr and "--forse: no option" in done.stderr


def test_unreachable_exits_4(tmp_path):
    done = subprocess.run([SIDESTEP, "status", "--control", str(tmp_path / "none.sock")], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "does not answer" in done.stderr


def run_without_control(tmp_path, *words):
    env = {k: v for k, v in os.environ.items() if not k.startswith("SIDESTEP_")}
    env["XDG_RUNTIME_DIR"] = str(tmp_path)
    return subprocess.run([SIDESTEP, *words], capture_output=True, text=True, env=env, timeout=60, check=False)


def test_the_only_socket_is_found(start, tmp_path):
    folder = tmp_path / f"sidestep-{os.getuid()}"
    folder.mkdir(mode=0o700)
    one, two = start(), start()
    os.symlink(one.control, folder / "1.sock")
    assert run_without_control(tmp_path, "status").returncode == 0
    os.symlink(two.control, folder / "2.sock")
    several = run_without_control(tmp_path, "status")
    assert several.returncode == 2 and "--control" in several.stderr
    (folder / "1.sock").unlink()
    (folder / "2.sock").unlink()
    assert run_without_control(tmp_path, "status").returncode == 4


def test_why_lists_decisions_with_reasons(start):
    one = start()
    one.cli("reload", "--", *APP, "--exit-at-start", "3")
    assert "because generation 2 exited with status 3" in one.cli("why").stdout


def test_many_waiting_commands_do_not_block_a_look(start):
    one = start()
    assert one.cli("reload", "--no-wait", "--id", "slow", "--", *APP, "--start-delay", "60").returncode == 0
    ended = threading.Event()

    def wait_for_it():  # who finds no place asks again: the look below must not take the last one for good
        while one.call("GET", "/v1/status?wait=60&reload=slow").status == 503 and not ended.wait(0.05):
            pass

    waiting = [threading.Thread(target=wait_for_it) for _ in range(24)]  # 16 places
    for thread in waiting:
        thread.start()
    one.until(lambda: one.call("GET", "/v1/status?wait=1").status == 503, "all places taken")
    assert one.cli("status").returncode == 0
    assert one.call("GET", "/metrics", over_tcp=True).status == 200
    ended.set()
    assert one.cli("abort").returncode in (0, 4)
    for thread in waiting:
        thread.join(30)
        assert not thread.is_alive()
