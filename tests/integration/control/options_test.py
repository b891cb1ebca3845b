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
