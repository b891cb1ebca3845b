#!/usr/bin/python3
"""Shows a canary and a broken config on a real Kubernetes, with the commands that a person would type.

Starts a cluster unless one is up, installs the operator and manifests/example, puts load on the Service, and exits 0
when the canary went through, the broken config was taken back, and no request was lost but those that the broken
generation itself answered with an error.
"""
import shlex
import subprocess
import sys
import time

from harness.cluster import Cluster
from harness.kubectl import Kubectl
from harness.load import EVERYDAY, Load, Report
from harness.operator import Operator
from harness.shop import Run, Shop

NAMESPACE = "demo"
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")
DURATION = "about 3 minutes; 6 more when Kubernetes has to be built first"


def say(text: str) -> None:
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def show(command: str) -> None:
    """Prints a command as it would be typed, and runs it."""
    print(f"{DIM}$ {command}{PLAIN}", flush=True)
    subprocess.run([*shlex.split(command), "--namespace", NAMESPACE], check=True)


def set_config(shop: Shop, token: str, **config) -> None:
    print(f"{DIM}$ kubectl edit configmap shop-config{PLAIN}   # {config}", flush=True)
    shop.configure(**config)
    show(f"kubectl annotate rp/shop sidestep.dev/reload={token} --overwrite")


def shares(shop: Shop) -> str:
    parts = []
    for pod, status in shop.statuses().items():
        candidate = status["candidate"]
        weight = f"generation {candidate['generation']} at {candidate['weightPerTenThousand'] / 100:g} %" if candidate else "-"
        parts.append(f"{pod}: active generation {status['active']['generation']}, candidate {weight}")
    return "\n  ".join(parts)


def follow(shop: Shop, token: str, seconds: float = 180) -> Run:
    """Shows the Reload at each of its steps until it has ended."""
    deadline, shown = time.monotonic() + seconds, None
    run = shop.run_of(token)
    while run.succeeded is None and time.monotonic() < deadline:
        now = (run.status.get("phase"), sum(run.has_reached(step) for step in range(1, 21)))
        if now != shown:
            shown = now
            show(f"kubectl get reload {run.name}")
            print("  " + shares(shop), flush=True)
        time.sleep(1)
        run = shop.run_of(token)
    show(f"kubectl get reload {run.name}")
    print(f"  {run.condition('Succeeded').get('reason')}: {run.condition('Succeeded').get('message')}")
    return run


def install(cluster: Cluster) -> tuple[Shop, Load]:
    say(f"A real Kubernetes, the operator, and three replicas of a shop behind Sidestep ({DURATION}).")
    cluster.up()
    cluster.load_images()
    Operator(cluster).install()
    kubectl = Kubectl(NAMESPACE)
    kubectl.create_namespace()
    load = Load(cluster, kubectl)
    shop = Shop(cluster, kubectl, load.orders_log())
    shop.install(replicas=3)
    load.begin(shop.address(), EVERYDAY)
    show("kubectl get pods,services,reloadpolicies")
    return shop, load


def verdict(report: Report) -> str:
    v, total = report.verdict, report.document["total"]
    return (f"{total['ok']} good answers, {v['lost'] - v['lostFromApp']} requests lost, {v['duplicated']} orders executed twice, "
            f"{v['streamsCut']} WebSockets cut without a word; {v['lostFromApp']} errors that the broken generation answered itself")


def run(shop: Shop, load: Load) -> bool:
    before = shop.pods.identities()
    say("1. A canary: 5 % of one pod, half of every pod, then everything. Clients keep coming all the time.")
    set_config(shop, "canary", version="2", greeting="good morning")
    canary = follow(shop, "canary")

    say("2. A broken config: it starts, is ready, and then fails one request in five.")
    set_config(shop, "broken", version="3", failRate=0.2)
    broken = follow(shop, "broken")
    print("  " + shares(shop))

    say("3. What the clients saw, and what became of the pods.")
    report = load.finish()
    print(verdict(report))
    show("kubectl get pods")
    same = shop.pods.identities() == before
    print("The pods are the same: no restart, no new address." if same else "The pods have changed!")
    clean = report.verdict["lost"] == report.verdict["lostFromApp"] and not report.verdict["duplicated"]
    return bool(canary.succeeded) and broken.succeeded is False and clean and same


def main() -> int:
    cluster = Cluster()
    was_up = cluster.is_up()
    try:
        return 0 if run(*install(cluster)) else 1
    finally:
        if was_up:
            Kubectl(NAMESPACE).delete_namespace()
        else:
            cluster.down()


if __name__ == "__main__":
    sys.exit(main())
