"""The proxies that are compared: each is started on one core in front of the same app, with the settings that
its documentation advises for kept connections on both sides, logs off."""
import subprocess
from dataclasses import dataclass
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parent.parent

NGINX_APP = """
worker_processes 1; daemon off; pid {folder}/app.pid; error_log {folder}/app.err;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/tmp;
  server {{ listen 127.0.0.1:{app} backlog=4096; location / {{ default_type text/plain; return 200 "{body}"; }} }}
}}
"""

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  upstream app {{ server 127.0.0.1:{app}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }}
  }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:{port} backlog 4096
  default_backend b
backend b
  server app 127.0.0.1:{app}
"""


@dataclass
class Peer:
    name: str
    port: int
    process: subprocess.Popen
    programs: tuple[str, ...]  # whose processes count as the proxy

    def pids(self):
        return processes.named(processes.tree(self.process.pid), self.programs)

    def stop(self):
        processes.stop(self.process)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def app(folder: Path, body_bytes: int) -> Peer:
    """nginx that answers a fixed body: the cheapest app that Debian packages."""
    port = processes.free_port()
    (folder / "tmp").mkdir(exist_ok=True)
    config = write(folder / "app.conf", NGINX_APP.format(folder=folder, app=port, body="x" * body_bytes))
    process = processes.start(["nginx", "-c", config, "-e", folder / "app.err"], folder / "app.log", processes.LOAD_CORE)
    processes.wait_for_port(port, process)
    return Peer("direct", port, process, ("nginx",))


def commands(folder: Path, port: int, app_port: int, bins: Path) -> dict[str, tuple[list, tuple[str, ...]]]:
    """Name → (command, programs that count)."""
    nginx = write(folder / f"nginx-{port}.conf", NGINX.format(folder=folder, port=port, app=app_port))
    haproxy = write(folder / f"haproxy-{port}.cfg", HAPROXY.format(port=port, app=app_port))
    return {
        "haproxy": (["haproxy", "-db", "-q", "-f", haproxy], ("haproxy",)),
        "nginx": (["nginx", "-c", nginx, "-e", folder / "nginx.err"], ("nginx",)),
        "nghttpx": (["nghttpx", f"-f127.0.0.1,{port};no-tls", f"-b127.0.0.1,{app_port}", "--workers=1", "-L", "FATAL",
                     "--conf=/dev/null", "--accesslog-file=/dev/null", "--no-verify-ocsp"], ("nghttpx",)),
        "plane": ([bins / "plane", port, app_port], ("plane",)),
        "relay": ([bins / "relay", port, app_port], ("relay",)),
        "sidestep": ([bins / "sidestep", "run", "--listen", f"127.0.0.1:{port}", "--control", folder / f"{port}.sock",
                      "--attach", f"127.0.0.1:{app_port}"], ("sidestep", "sidestep-launch")),
    }


def proxy(name: str, folder: Path, app_port: int, bins: Path) -> Peer:
    port = processes.free_port()
    command, programs = commands(folder, port, app_port, bins)[name]
    process = processes.start(command, folder / f"{name}-{port}.log", processes.PROXY_CORE)
    processes.wait_for_port(port, process)
    return Peer(name, port, process, programs)
