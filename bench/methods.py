"""Ways to replace the process behind a port: Sidestep, HAProxy's runtime API, nginx's reload. Each starts the
example app, serves it on a port, and swaps it for a new process on request."""
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import processes

POLICY = """
readiness: {httpGet: {path: /readyz}, successThreshold: 1, periodMilliseconds: 10, timeoutSeconds: 1}
drain: {webSocket: {policy: CloseWith, closeCode: 1012}}
strategy: {overlap: {onMemoryPressure: Ignore}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 8192
  stats socket {folder}/haproxy.sock mode 600 level admin
defaults
  mode http
  http-reuse safe
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend f
  bind 127.0.0.1:{port} backlog 4096
  default_backend b
backend b
  server s0 127.0.0.1:{app}
  server s1 127.0.0.1:9 disabled
"""

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  map $http_upgrade $conn {{ default upgrade; '' ''; }}
  upstream app {{ server 127.0.0.1:{app}; keepalive 256; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $conn;
    }}
  }}
}}
"""


def wait_ready(port: int, seconds=15.0):
    """Returns at the first 200 of /readyz."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.001)
    raise RuntimeError(f"the app on port {port} is not ready after {seconds} s")


def shop_command(folder: Path, options) -> list:
    """The example app as every method starts it: it becomes ready as late as options.warm_up says."""
    config = folder / "shop.yaml"
    config.write_text(f"warmUp: {options.warm_up}s\n")
    return [options.go_bins / "shop", "--orders-log", folder / "orders", "--config", config]


class Shop:
    """One process of the example app, started without any proxy."""

    def __init__(self, folder: Path, options, generation: int):
        self.port = processes.free_port()
        self.process = processes.start(shop_command(folder, options), folder / "shop.log",
                                       env={"PORT": str(self.port), "SIDESTEP_GENERATION": str(generation)})
        wait_ready(self.port)

    def stop(self):
        processes.stop(self.process, 25)


class Peer:
    """What HAProxy and nginx share: the driver starts the new app, waits for it, switches, and ends the old one."""
    pause = 0.5  # between the switch and SIGTERM of the old app

    def __init__(self, folder: Path, options):
        self.folder, self.options, self.count = folder, options, 1
        self.port = processes.free_port()
        self.shop = Shop(folder, options, 1)
        self.process = self.launch()
        processes.wait_for_port(self.port, self.process)

    def reload(self) -> dict:
        self.count += 1
        began, old = time.monotonic(), self.shop
        self.shop = Shop(self.folder, self.options, self.count)
        self.switch()
        took = time.monotonic() - began
        time.sleep(self.pause)
        old.process.send_signal(signal.SIGTERM)
        old.process.wait(30)
        return {"seconds": took}

    def stop(self):
        processes.stop(self.process)
        self.shop.stop()


class HAProxy(Peer):
    name = "HAProxy, runtime API"
    slot = 0

    def launch(self):
        config = self.folder / "haproxy.cfg"
        config.write_text(HAPROXY.format(folder=self.folder, port=self.port, app=self.shop.port))
        return processes.start(["haproxy", "-db", "-q", "-f", config], self.folder / "haproxy.log")

    def switch(self):
        new, self.slot = 1 - self.slot, 1 - self.slot
        for command in (f"set server b/s{new} addr 127.0.0.1 port {self.shop.port}", f"set server b/s{new} state ready",
                        f"set server b/s{1 - new} state drain"):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.folder / "haproxy.sock"))
                s.sendall(command.encode() + b"\n")
                s.recv(4096)


class Nginx(Peer):
    name = "nginx, SIGHUP"

    def write(self) -> Path:
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self.folder, port=self.port, app=self.shop.port))
        return config

    def launch(self):
        return processes.start(["nginx", "-c", self.write(), "-e", self.folder / "nginx.err"], self.folder / "nginx.log")

    def switch(self):
        self.write()
        os.kill(self.process.pid, signal.SIGHUP)


class Sidestep:
    name = "sidestep reload"

    def __init__(self, folder: Path, options):
        self.port, self.bin, self.control = processes.free_port(), options.bins / "sidestep", folder / "control.sock"
        policy = folder / "policy.yaml"
        policy.write_text(POLICY)
        self.process = processes.start(
            [self.bin, "run", "--listen", f"127.0.0.1:{self.port}", "--control", self.control, "--policy", policy, "--",
             *shop_command(folder, options)], folder / "sidestep.log")
        processes.wait_for_port(self.port, self.process)
        wait_ready(self.port)

    def reload(self) -> dict:
        began = time.monotonic()
        done = subprocess.run([self.bin, "reload", "--control", self.control, "-o", "json"], capture_output=True, text=True)
        took = time.monotonic() - began
        if done.returncode != 0:
            raise RuntimeError(f"sidestep reload exited {done.returncode}: {done.stdout}{done.stderr}")
        answer = json.loads(done.stdout)
        receipt = answer.get("receipt") or answer["reload"]["receipt"]
        return {"seconds": took, "receipt": receipt}

    def stop(self):
        processes.stop(self.process, 30)


METHODS = {"sidestep": Sidestep, "haproxy": HAProxy, "nginx": Nginx}
