"""Bad input: every mistake at once, exit 2, nothing started or changed."""
import os
import socket
import subprocess

from running import APP, SIDESTEP, free_port


def run(*words, env=None):
    return subprocess.run([SIDESTEP, *words], capture_output=True, text=True, timeout=30, check=False,
                          env={**os.environ, **(env or {})})


def test_mistakes_of_flags_environment_and_policy_are_named_together(tmp_path):
    policy = tmp_path / "p.yaml"
    policy.write_text("hold: {maxRequests: -1}\nreadyness: {}\n")
    done = run("run", "--listen", "8080", "--polcy", str(policy), "--policy", str(policy), "--env", "=1", "--", "no-such-command",
               env={"SIDESTEP_SHARDS": "9", "XDG_RUNTIME_DIR": str(tmp_path)})
    assert done.returncode == 2
    for part in ("--polcy: no such option; did you mean --policy?", 'SIDESTEP_SHARDS: "9"', "maxRequests", "readyness",
                 '--listen: "8080"', '--env: "=1"', 'command: "no-such-command"'):
        assert part in done.stderr, done.stderr
    assert os.listdir(tmp_path) == ["p.yaml"], "nothing was made"


def test_port_in_use_is_named_within_a_second(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("run", "--listen", f"127.0.0.1:{port}", "--control", str(tmp_path / "c.sock"), "--", *APP)
        assert done.returncode == 2
        assert str(port) in done.stderr


def test_control_folder_of_somebody_else_is_refused(tmp_path):
    folder = tmp_path / f"sidestep-{os.getuid()}"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    done = run("run", "--listen", f"127.0.0.1:{free_port()}", "--", *APP, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert done.returncode == 2
    assert "is open to other users; run: chmod 700" in done.stderr


def test_help_lists_every_option():
    done = run("run", "--help")
    assert done.returncode == 0
    for flag in ("--listen", "--policy", "--control-listen", "--max-head-bytes", "--attach"):
        assert f"  {flag}" in done.stdout


def test_unknown_commands_are_usage():
    done = run("dance")
    assert done.returncode == 2
    assert "reload" in done.stderr


def test_lint_names_mistakes_and_exits_2_and_warnings_alone_do_not(tmp_path):
    manifests = os.path.join(os.path.dirname(__file__), "../../../manifests/example")
    files = [os.path.join(manifests, name) for name in ("reloadpolicy.yaml", "deployment.yaml")]
    assert run("lint", "--policy", files[0], "--manifest", files[1]).returncode == 0
    policy = tmp_path / "p.yaml"
    policy.write_text("shutdown: {gracePeriodSeconds: 60}\nreadines: {}\n")
    done = run("lint", "--policy", str(policy))
    assert done.returncode == 2 and "readines: {map}: is not a known field; did you mean" in done.stderr
    policy.write_text("shutdown: {gracePeriodSeconds: 60}\n")
    done = run("lint", "--policy", str(policy), "--manifest", files[1])
    assert done.returncode == 2 and "terminationGracePeriodSeconds: 30: " in done.stderr


def test_limits_that_count_things_speak_of_numbers_and_those_in_bytes_of_sizes():
    done = run("run", "--listen", ":1", "--max-headers", "3", "--max-clients", "lots", "--max-head-bytes", "x", "--", "true")
    assert '--max-headers: "3": out of range; write a number from 16 to 4096' in done.stderr
    assert '--max-clients: "lots": not a whole number' in done.stderr and '--max-head-bytes: "x": not a size' in done.stderr
