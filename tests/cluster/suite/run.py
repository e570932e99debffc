"""One run of the suite: its cluster, its accounts, its main instance; made ready here."""

import base64
import json
import os
import pathlib
import secrets
import tempfile
from concurrent.futures import ThreadPoolExecutor

from cluster import Cluster, kubectl, path
from config import configuration
from prometheus import Prometheus
from ripcord import Ripcord, free_port
from waiting import NotYet, wait_until
from workloads import LABEL

HERE = pathlib.Path(__file__).resolve().parent
RIG = HERE.parent / "rig" / "rig"
LAB = RIG.parent / "lab"
LAB_WORKLOADS = ("lab30-web", "lab30-redis")
# Alertmanager posts here, and Prometheus scrapes it
MAIN_PORT = 9099
TOKEN_LASTS = "2h"


class Run:
    DWELL_SECONDS = 10

    def __init__(self, binary):
        self.binary = binary
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ripcord-tests-"))
        self.prometheus = Prometheus(os.environ["PROMETHEUS_URL"])
        self.alertmanager_url = os.environ["ALERTMANAGER_URL"]
        self.web_url = os.environ.get("LAB_WEB_URL", "http://10.96.30.80:8080")
        self.token = secrets.token_hex(16)
        self.token_file = self.folder / "webhook-token"
        self.token_file.write_text(self.token)
        self.cluster = Cluster()
        self.kubeconfig = self.main = self.installation = None
        self.measured = {}

    def prepare(self, trials):
        """Everything as the tests expect it: old objects gone, `deploy/` applied, every Deployment good, the main instance ready (no test of an
        installation in the cluster needs it)."""
        kubectl("apply", "--server-side", "--force-conflicts", "-k", str(HERE.parent / "deploy"))
        kubectl("wait", "--for=condition=Established", "crd/incidents.ripcord.dev", "--timeout=30s")
        self.kubeconfig = self.account("ripcord")
        namespaces = sorted({name for one in trials for name in one.namespaces} | {"faults"})
        self.clear(["lab30", *namespaces])
        for namespace in namespaces:
            self.namespace(namespace)
        self.apply_lab()
        for one in trials:
            for manifest in one.good:
                self.cluster.apply("deployments", manifest)
        if any(not one.installed for one in trials):
            self.main = self.instance("main", ["lab30", "faults"], port=MAIN_PORT, token_file=None, installation="tests", storm=5).start()
            self.measured["rest"] = self.main.total("process_resident_memory_bytes")

    def apply_lab(self):
        kubectl("apply", *(f"--filename={LAB / name}" for name in ("base.yaml", "web-deployment.yaml", "redis-deployment.yaml")))

    def fresh_lab(self):
        """The lab's workloads as on the first day: no incident, no earlier revision."""
        self.clear(["lab30"])
        self.apply_lab()

    def clear(self, namespaces):
        """Deletes what earlier runs left: incidents, the tests' Deployments, and the lab's, whose uid and ReplicaSets are new then."""
        with ThreadPoolExecutor(8) as pool:
            for namespace in namespaces:
                for incident in self.cluster.list("incidents", namespace):
                    pool.submit(self.cluster.delete, "incidents", namespace, incident["metadata"]["name"])
        self.remove_workloads(namespaces)
        for name in LAB_WORKLOADS:
            self.cluster.delete("deployments", "lab30", name)

        def gone():
            left = [thing["metadata"]["name"] for namespace in namespaces for thing in self.cluster.list("deployments", namespace, labelSelector=LABEL)]
            left += [name for name in LAB_WORKLOADS if self.cluster.get("deployments", "lab30", name)]
            if left:
                raise NotYet(str(left))
            return True

        wait_until("the Deployments of an earlier run are gone", gone, 60)

    def remove_workloads(self, namespaces):
        for namespace in namespaces:
            for thing in self.cluster.list("deployments", namespace, labelSelector=LABEL):
                self.cluster.delete("deployments", namespace, thing["metadata"]["name"])

    def namespace(self, name, account="ripcord", role="ripcord"):
        """A namespace that an account may look after."""
        self.cluster.apply("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.cluster.apply("rolebindings", {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": account, "namespace": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "ripcord"}],
        })

    def account(self, name):
        """A kubeconfig that holds nothing but a ServiceAccount's own token."""
        token = kubectl("create", "token", name, "-n", "ripcord", f"--duration={TOKEN_LASTS}").strip()
        admin = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        cluster = admin["clusters"][0]["cluster"]
        file = self.folder / f"{name}.kubeconfig"
        file.touch(mode=0o600)
        file.write_text(json.dumps({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": "it", "user": name}}],
            "current-context": name,
        }))
        return file

    def credentials(self, kubeconfig):
        """The server, its certificate authority (a file) and the token of a kubeconfig that `account` made."""
        held = json.loads(kubeconfig.read_text())
        cluster = held["clusters"][0]["cluster"]
        authority = self.folder / "ca.crt"
        if "certificate-authority-data" in cluster:
            authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        return cluster["server"], authority, held["users"][0]["user"]["token"]

    def server(self):
        """The API server's address, as Ripcord's own kubeconfig has it."""
        return json.loads(self.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]

    def through(self, gate):
        """Ripcord's kubeconfig, with the API server behind a gate; its certificate is for the address behind it."""
        held = json.loads(self.kubeconfig.read_text())
        cluster = held["clusters"][0]["cluster"]
        cluster["server"] = gate.url
        if gate.behind[0] != "127.0.0.1":
            cluster["tls-server-name"] = gate.behind[0]
        file = self.folder / f"gate-{gate.port}.kubeconfig"
        file.touch(mode=0o600)
        file.write_text(json.dumps(held))
        return file

    def reader(self, namespace):
        """An account that has all of Ripcord's rights but `patch` on Deployments, in one namespace; its kubeconfig."""
        role = self.cluster.get("clusterroles", None, "ripcord")
        rules = role["rules"]
        for rule in rules:
            if rule["resources"] == ["deployments"]:
                rule["verbs"] = [verb for verb in rule["verbs"] if verb != "patch"]
        name = "ripcord-reader"
        metadata = {"name": name}
        self.cluster.apply("clusterroles", {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules})
        self.cluster.expect("PATCH", path("serviceaccounts", "ripcord", name) + "?fieldManager=tests&force=true", {
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "ripcord"},
        }, "application/apply-patch+yaml")
        self.cluster.expect("DELETE", path("rolebindings", namespace, "ripcord"), also=(404,))
        self.namespace(namespace, account=name, role=name)
        return self.account(name)

    def instance(self, name, namespaces, port=None, kubeconfig=None, installation=None, **settings):
        """An instance of the binary, not started yet."""
        port = port or free_port()
        settings.setdefault("token_file", self.token_file)
        text = configuration(self, port, namespaces, installation or name, **settings)
        return Ripcord(self.binary, self.folder, name, port, kubeconfig or self.kubeconfig, text)

    def close(self, namespaces):
        """Stops the main instance and removes the tests' Deployments; the incidents stay, to be read."""
        try:
            if self.main:
                self.main.stop()
            if self.installation:
                self.installation.close()
            self.remove_workloads(namespaces)
        finally:
            self.cluster.close()
