"""Two containers: different users, a read-only volume but for run/, an image without a single file."""
import os
import shutil
import subprocess

import pytest

from conftest import binary
from fake_proxy import field

PROXY_UID, APP_UID = 65532, 1000
PYTHON = "/usr/bin/python3"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user cannot become another")


def skip_under_sanitizers():
    if os.environ.get("SIDESTEP_SANITIZED"):
        pytest.skip("a program with a sanitizer cannot be static")


def as_user(uid):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]


@pytest.fixture
def foreign(world):
    """A world whose run folder belongs to the proxy's user and whose launcher runs as the app's."""
    proxy = world.proxy()
    for name in ("", "run", "run/app", "run/config"):
        os.chown(os.path.join(world.run_dir, name), PROXY_UID, PROXY_UID)
    os.chown(os.path.join(world.run_dir, "run/launch.sock"), PROXY_UID, PROXY_UID)
    copy = os.path.join(world.run_dir, "sidestep-launch")
    shutil.copy(binary("sidestep-launch"), copy)
    os.chmod(copy, 0o755)
    world.launch(prefix=as_user(APP_UID), path=copy, env={"PATH": "/usr/bin:/bin"})
    proxy.accept()
    return world, proxy


@needs_root
def test_the_app_runs_as_the_launchers_user(foreign):
    _, proxy = foreign
    proxy.spawned(1, ["id", "-u"])
    assert proxy.wait("exited")["output"] == [str(APP_UID)]


@needs_root
def test_the_proxys_user_can_connect_to_the_generations_socket(foreign):
    world, proxy = foreign
    code = ("import os,socket,sys,time; os.umask(0o077); s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); "
            "s.listen(); c,_=s.accept(); c.sendall(b'hello'); time.sleep(60)")
    spawned = proxy.spawned(1, [PYTHON, "-c", code, "{socket}"], socket_wanted=1)
    proxy.wait("socket_ready")
    path = os.path.join(world.run_dir, spawned["socket"])
    assert os.stat(path).st_uid == APP_UID
    client = f"import socket; s=socket.socket(socket.AF_UNIX); s.connect({path!r}); print(s.recv(5).decode())"
    done = subprocess.run([*as_user(PROXY_UID), PYTHON, "-c", client], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "hello\n", done.stderr


@needs_root
def test_snapshots_lie_where_the_proxys_user_cannot_read(foreign):
    world, proxy = foreign
    config = os.path.join(world.run_dir, "app.yaml")
    with open(config, "w", encoding="utf-8") as out:
        out.write("secret")
    proxy.send("snapshot", generation=(1, 1), source=(2, field(1, config)))
    assert proxy.wait("config_hash")["error"] == ""
    proxy.spawned(1, ["sh", "-c", "cat {config}; echo; echo {config}"], config=1)
    text, path = proxy.wait("exited")["output"]
    assert text == "secret"
    done = subprocess.run([*as_user(PROXY_UID), "cat", path], capture_output=True, timeout=30, check=False)
    assert done.returncode != 0


@needs_root
def test_the_apps_user_cannot_put_anything_in_the_launchers_place(foreign):
    world, _ = foreign
    for command in (["rm", "-f", "run/launch.sock"], ["touch", "run/x"], ["mv", "run/app", "run/other"],
                    ["cp", "/bin/true", "sidestep-launch"]):
        done = subprocess.run([*as_user(APP_UID), *command], cwd=world.run_dir, capture_output=True, timeout=30, check=False)
        assert done.returncode != 0, command


@needs_root
def test_the_apps_user_cannot_read_the_launchers_memory(foreign):
    world, _ = foreign
    pid = world.processes[0].pid
    done = subprocess.run([*as_user(APP_UID), "cat", f"/proc/{pid}/environ"], capture_output=True, timeout=30, check=False)
    assert done.returncode != 0 and b"Permission denied" in done.stderr


@needs_root
def test_it_runs_in_an_image_without_any_file(world):
    """A root folder that holds the launcher, the app (the launcher itself, asked for its version) and the volume alone."""
    skip_under_sanitizers()
    image = os.path.join(world.run_dir, "image")
    os.makedirs(os.path.join(image, "sidestep"))
    shutil.copy(binary("sidestep-launch"), os.path.join(image, "sidestep-launch"))
    volume = world.run_dir
    world.run_dir = os.path.join(image, "sidestep")
    proxy = world.proxy()
    world.run_dir = "/sidestep"
    world.launch(prefix=["/usr/sbin/chroot", image], path="/sidestep-launch", env={})
    world.run_dir = volume
    proxy.accept()
    proxy.spawned(1, ["/sidestep-launch", "--version"])
    exited = proxy.wait("exited")
    assert exited["status"] == 0 and exited["output"][0].startswith("sidestep-launch ")
    proxy.wait("gone")
    proxy.spawn(2, ["/bin/sh"])
    assert "/bin/sh: No such file" in proxy.wait("spawn_failed")["message"]


def test_it_is_static_and_small(tmp_path):
    skip_under_sanitizers()
    small = tmp_path / "launch"
    subprocess.run(["strip", "-o", small, binary("sidestep-launch")], check=True)
    assert small.stat().st_size < 3_000_000
    done = subprocess.run(["ldd", binary("sidestep-launch")], capture_output=True, text=True, check=False)
    assert "not a dynamic executable" in done.stdout + done.stderr or "statically linked" in done.stdout
