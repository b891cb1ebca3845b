"""The operator of the run: installed once, killed and stopped by the scenarios that are about that."""
from .cluster import TOP, Cluster
from .documented import Reader, commands
from .kubectl import Kubectl
from .pods import Pods

NAMESPACE = "sidestep-system"
SELECTOR = "app.kubernetes.io/name=sidestep-operator"
REPLICAS = 2
IN_KUBERNETES = "## The same in Kubernetes"  # of README.md


class Operator:
    def __init__(self, cluster: Cluster) -> None:
        self.kubectl = Kubectl(NAMESPACE)
        self.pods = Pods(cluster, self.kubectl, SELECTOR)

    def install_chart(self, reader: Reader) -> None:
        """As the README says. What an earlier run left in a cluster that stays up goes first."""
        if self.kubectl.find("namespace", NAMESPACE):
            reader.types(f"helm uninstall sidestep -n {NAMESPACE} --ignore-not-found --wait")
            reader.types("kubectl delete -k manifests/base --ignore-not-found")
        (install,) = (line for line in commands("README.md", IN_KUBERNETES)[0].splitlines() if line.startswith("helm install"))
        reader.types(install, seconds=180)

    def install(self) -> None:
        self.kubectl("apply", "--server-side", "-f", str(TOP / "crds"))
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s",
                     "crd/reloadpolicies.sidestep.dev", "crd/reloads.sidestep.dev")
        self.kubectl("apply", "--server-side", "-k", str(TOP / "manifests/base"))
        self.start()

    def start(self) -> None:
        self.kubectl("scale", "deployment/sidestep-operator", f"--replicas={REPLICAS}")
        self.pods.wait_ready(REPLICAS)

    def stop(self) -> None:
        self.kubectl("scale", "deployment/sidestep-operator", "--replicas=0")
        self.kubectl("wait", "pod", "-l", SELECTOR, "--for=delete", "--timeout=60s")

    def kill(self) -> None:
        """Kills every replica at once, without a word; the kubelet starts them again."""
        for name in self.pods.names():
            self.pods.kill(name, "operator")
