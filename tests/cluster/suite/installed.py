"""Ripcord as a pod of the rig, installed by the README's commands; and the rig's Prometheus and Alertmanager as that installation wants them."""

import os
import pathlib
import shutil
import subprocess
import time
import urllib.request

from cluster import ApiError, kubectl
from readme import ROOT, Substitutions
from ripcord import Served
from waiting import check

NAMESPACE = "ripcord"
PORT = 9099
# what the README has people make in the checkout; the marker tells ours from a person's
MINE = ROOT / "mine"
MARKER = MINE / ".made-by-the-cluster-tests"
PULLED = "127.0.0.1:5000/ripcord"
# every 15 s, as the README says; the rig itself has 5 s. The Service's address, for this Prometheus finds no pods by itself.
PROMETHEUS = """\
global: {{scrape_interval: 15s, evaluation_interval: 15s}}
rule_files: ["{rules}"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:9093"]}}]}}]}}
scrape_configs:
  - {{job_name: kube-state-metrics, static_configs: [{{targets: ["127.0.0.1:8081"]}}]}}
"""


def on_the_rig():
    """Whether the cluster is the rig: elsewhere nobody's Alertmanager is ours to configure."""
    return "RIG_STATE" in os.environ


def forget_image():
    """An earlier run's image has the same tag, and the node would not pull it again."""
    ctr = ["ctr", "--address", f"{os.environ['RIG_STATE']}/containerd.sock", "-n", "k8s.io", "images"]
    for name in subprocess.run([*ctr, "ls", "-q"], capture_output=True, text=True, check=True, timeout=30).stdout.split():
        if name.startswith(PULLED):
            subprocess.run([*ctr, "rm", "--sync", name], capture_output=True, check=True, timeout=30)


class Installation(Served):
    """The one installation of a run: made once, by the first test that needs it."""

    def __init__(self, run):
        super().__init__("ripcord in the cluster", None, PORT)
        self.run, self.began = run, time.time()
        self.complete = self.upgraded = False
        # what it has repaired, by workload
        self.incidents = {}
        self.monitoring = pathlib.Path(os.environ["RIG_STATE"]) / "monitoring"
        self.given = {name: (self.monitoring / name).read_text() for name in ("prometheus.yml", "alertmanager.yml")}
        # Where the README can't be followed word for word on the rig, and nowhere else.
        self.rig = Substitutions([
            ("registry.example/", "127.0.0.1:5000/"),
            # no cluster DNS; Prometheus and Alertmanager run on the host
            ("http://prometheus.monitoring.svc:9090", "http://10.250.0.1:9090"),
            ("ripcord.ripcord.svc:9099", self.address),
            ("/etc/alertmanager/", f"{self.monitoring}/"),
            # Prometheus sends to the host's loopback, which is not the pod's
            ("--live /etc/ripcord/ripcord.yaml", "--live /etc/ripcord/ripcord.yaml --alertmanager-url http://10.250.0.1:9093"),
            # config/ripcord.yaml's, the lab's, and a shorter wait for the next repetition: minutes of the test's time
            ("dwell: 60s", "dwell: 10s"),
            ("soak: 60s", "soak: 30s"),
            ("repeat_interval: 5m", "repeat_interval: 25s"),
            # the kinds that are diagnosed and not repaired: the audit wants every right used
            ("  - name: bad-rollout\n", "  - name: bad-rollout\n    match: {kinds: [Deployment, StatefulSet, DaemonSet]}\n"),
        ])

    def remove(self):
        """Nothing of Ripcord is left in the cluster, nor what an earlier run made in the checkout."""
        check(not MINE.exists() or MARKER.exists(), f"{MINE} is somebody's own: the README's commands would write into it")
        shutil.rmtree(MINE, ignore_errors=True)
        kubectl("delete", "-k", str(ROOT / "deploy" / "base"), "--ignore-not-found", "--wait", "--timeout=120s")
        forget_image()

    def address(self):
        """Where the Service answers; the rig's host reaches it."""
        self.host = self.run.cluster.get("services", NAMESPACE, "ripcord")["spec"]["clusterIP"]
        return f"{self.host}:{PORT}"

    def edit(self):
        """Fills in what the README leaves to the reader: their Prometheus' address, their policies."""
        MARKER.touch()
        file = MINE / "ripcord.yaml"
        file.write_text(self.rig.apply(file.read_text()))

    def paste(self, configuration):
        """Alertmanager's configuration becomes the README's."""
        self.configure("alertmanager.yml", self.rig.apply(configuration), self.run.alertmanager_url)

    def load_rules(self, scraped):
        """The shipped rules instead of the rig's, and Ripcord is scraped as the README says."""
        rules = ROOT / "deploy" / "monitoring" / "rules.yaml"
        _, job = self.rig.apply(scraped).split("scrape_configs:\n")
        self.configure("prometheus.yml", PROMETHEUS.format(rules=rules) + job, self.run.prometheus.url)

    def configure(self, file, text, url):
        (self.monitoring / file).write_text(text)
        urllib.request.urlopen(urllib.request.Request(f"{url}/-/reload", method="POST"), timeout=10).close()

    def pod(self):
        """The pod that serves; none, while it is being replaced."""
        found = self.run.cluster.list("pods", NAMESPACE, labelSelector="app.kubernetes.io/name=ripcord")
        return next((pod for pod in found if "deletionTimestamp" not in pod["metadata"]), None)

    def working_set(self):
        """The memory of its container by the kubelet, in bytes; the metric has a value and a time."""
        text = kubectl("get", "--raw", f"/api/v1/nodes/{self.pod()['spec']['nodeName']}/proxy/metrics/resource")
        lines = [line for line in text.splitlines() if line.startswith("container_memory_working_set_bytes{") and f'namespace="{NAMESPACE}"' in line]
        check(len(lines) == 1, f"the kubelet's memory of it: {lines}")
        return float(lines[0].split()[1])

    def tail(self, lines=40):
        """The end of its log."""
        try:
            return kubectl("logs", "-n", NAMESPACE, "deploy/ripcord", f"--tail={lines}") + kubectl("get", "pods", "-n", NAMESPACE)
        except (ApiError, subprocess.TimeoutExpired) as error:
            return str(error)

    def stop(self):
        """A test's end is not its end."""

    kill = stop

    def close(self):
        """The rig is as it was, and nobody in the cluster answers for lab30."""
        self.configure("prometheus.yml", self.given["prometheus.yml"], self.run.prometheus.url)
        self.configure("alertmanager.yml", self.given["alertmanager.yml"], self.run.alertmanager_url)
        kubectl("delete", "deployment", "-n", NAMESPACE, "ripcord", "--ignore-not-found")
        shutil.rmtree(MINE, ignore_errors=True)
