"""The proxies that are compared: each is started on one core in front of the same app, with the settings that
its documentation advises for kept connections on both sides, logs off."""
import resource
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parent.parent
MOST_OPEN = min(32_768, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # descriptors of each program


@dataclass(frozen=True)
class Setup:
    """What stands on both sides of the proxy."""
    front: str = "h1"   # h1, h2 (prior knowledge), tls (HTTP/1.1 over TLS)
    back: str = "h1"    # h1, h2 (prior knowledge), unix (HTTP/1.1 over a Unix socket)
    body_bytes: int = 128
    options: tuple[str, ...] = ()  # more options of sidestep


@dataclass
class Peer:
    name: str
    port: int
    process: subprocess.Popen
    programs: tuple[str, ...]  # whose processes count as the proxy
    setup: Setup = field(default_factory=Setup)

    def pids(self):
        return processes.named(processes.tree(self.process.pid), self.programs)

    def stop(self):
        processes.stop(self.process)


@dataclass
class App(Peer):
    """nginx that answers a fixed body: the cheapest app that Debian packages."""
    h2_port: int = 0
    socket: Path = Path()

    def address(self, back: str) -> str:
        return {"h1": f"127.0.0.1:{self.port}", "h2": f"127.0.0.1:{self.h2_port}", "unix": f"unix:{self.socket}"}[back]


NGINX_APP = """
user root; worker_processes 1; daemon off; pid {folder}/app.pid; error_log {folder}/app.err;
worker_rlimit_nofile {most};
events {{ worker_connections {most}; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/tmp; sendfile on; tcp_nopush on;
  open_file_cache max=10; http2_max_concurrent_streams 1000;
  server {{
    listen 127.0.0.1:{port} backlog=4096; listen 127.0.0.1:{h2} http2 backlog=4096; listen unix:{socket} backlog=4096;
    default_type text/plain;
    {location}
  }}
}}
"""

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx-{port}.pid; error_log {folder}/nginx.err;
worker_rlimit_nofile {most};
events {{ worker_connections {most}; }}
http {{
  access_log off; keepalive_requests 100000000; http2_max_concurrent_streams 1000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  ssl_certificate {folder}/server.crt; ssl_certificate_key {folder}/server.key; ssl_session_cache shared:a:8m;
  ssl_protocols TLSv1.2 TLSv1.3;
  upstream app {{ server {app}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port}{listen} backlog=4096;
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }}
  }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn {most}
  no strict-limits
  tune.ssl.default-dh-param 2048
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:{port} backlog 4096{bind}
  default_backend b
backend b
  server app {app}{server}
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def certificate(folder: Path):
    """A self-signed ECDSA pair, as server.crt, server.key and (HAProxy's form) server.pem."""
    if (folder / "server.pem").exists():
        return
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", folder / "server.key", "-out", folder / "server.crt"], check=True, capture_output=True)
    write(folder / "server.pem", (folder / "server.crt").read_text() + (folder / "server.key").read_text())


def app(folder: Path, body_bytes: int) -> App:
    port, h2_port, socket = processes.free_port(), processes.free_port(), folder / "app.sock"
    (folder / "tmp").mkdir(exist_ok=True)
    location = f'location / {{ return 200 "{"x" * body_bytes}"; }}'
    if body_bytes > 2048:
        write(folder / "body", "x" * body_bytes)
        location = f"location / {{ root {folder}; try_files /body =404; }}"
    config = write(folder / "app.conf", NGINX_APP.format(folder=folder, port=port, h2=h2_port, socket=socket, location=location, most=MOST_OPEN))
    process = processes.start(["nginx", "-c", config, "-e", folder / "app.err"], folder / "app.log", processes.LOAD_CORE)
    processes.wait_for_port(port, process)
    return App("direct", port, process, ("nginx",), h2_port=h2_port, socket=socket)


def haproxy(folder: Path, port: int, behind: App, setup: Setup, _) -> list:
    bind = {"h1": "", "h2": " proto h2", "tls": f" ssl crt {folder}/server.pem"}[setup.front]
    server = {"h1": "", "h2": " proto h2", "unix": ""}[setup.back]
    text = HAPROXY.format(port=port, most=MOST_OPEN, bind=bind, server=server,
                          app=behind.address(setup.back).replace("unix:", "unix@"))
    return ["haproxy", "-db", "-q", "-f", write(folder / f"haproxy-{port}.cfg", text)]


def nginx(folder: Path, port: int, behind: App, setup: Setup, _) -> list:
    if setup.back == "h2":
        raise ValueError("nginx 1.22 speaks no HTTP/2 to the app")
    listen = {"h1": "", "h2": " http2", "tls": " ssl"}[setup.front]
    text = NGINX.format(folder=folder, port=port, listen=listen, most=MOST_OPEN, app=behind.address(setup.back))
    return ["nginx", "-c", write(folder / f"nginx-{port}.conf", text), "-e", folder / "nginx.err"]


def nghttpx(folder: Path, port: int, behind: App, setup: Setup, _) -> list:
    back = behind.address(setup.back).replace(":", ",", 1) if setup.back != "unix" else behind.address("unix")
    front = f"127.0.0.1,{port}" + ("" if setup.front == "tls" else ";no-tls")
    pair = [folder / "server.key", folder / "server.crt"] if setup.front == "tls" else []
    return ["nghttpx", f"-f{front}", f"-b{back};;proto={'h2' if setup.back == 'h2' else 'http/1.1'}", "--workers=1", "-L", "FATAL",
            "--conf=/dev/null", "--accesslog-file=/dev/null", "--no-verify-ocsp", "--no-ocsp", *pair]


def sidestep(folder: Path, port: int, behind: App, setup: Setup, bins: Path) -> list:
    is_tls = setup.front == "tls"
    front = ["--tls-certificate", folder / "server.pem"] if is_tls else []
    back = ["--app-protocol", "h2c"] if setup.back == "h2" else []
    return [bins / "sidestep", "run", "--listen", f"{'tls://' if is_tls else ''}127.0.0.1:{port}", "--control", folder / f"{port}.sock",
            *front, *back, *setup.options, "--attach", behind.address(setup.back)]


def stick(name: str):
    def command(_, port: int, behind: App, setup: Setup, bins: Path) -> list:
        if (setup.front, setup.back) != ("h1", "h1"):
            raise ValueError(f"{name} speaks HTTP/1.1 over TCP alone")
        return [bins / name, port, behind.port]
    return command


PROXIES = {  # name: (command, programs that count)
    "sidestep": (sidestep, ("sidestep", "sidestep-launch")),
    "haproxy": (haproxy, ("haproxy",)),
    "nginx": (nginx, ("nginx",)),
    "nghttpx": (nghttpx, ("nghttpx",)),
    "relay": (stick("relay"), ("relay",)),
    "plane": (stick("plane"), ("plane",)),
}


def proxy(name: str, folder: Path, behind: App, bins: Path, setup: Setup = Setup(), core=processes.PROXY_CORE) -> Peer:
    port = processes.free_port()
    if setup.front == "tls":
        certificate(folder)
    if name == "nginx" and not (folder / "server.crt").exists():
        certificate(folder)  # named in its configuration, whatever it serves
    command, programs = PROXIES[name]
    process = processes.start(command(folder, port, behind, setup, bins), folder / f"{name}-{port}.log", core)
    processes.wait_for_port(port, process)
    return Peer(name, port, process, programs, setup)
