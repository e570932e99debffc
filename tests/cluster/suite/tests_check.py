"""`ripcord check --live` on the README's installation: all green, and red with a way out for each thing that is taken away."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.request

import installed
from cluster import kubectl
from readme import ROOT
from tests_readme import followed
from trial import trial
from waiting import NotYet, check, wait_until

ACCOUNT = "system:serviceaccount:ripcord:ripcord"
# nothing may be listed in deploy/runbook.md under another name
SECTION = "deploy/runbook.md#"
CRD = ROOT / "deploy" / "base" / "crd.yaml"


@trial(18, "check: --live is all green, and red with the right hint for each thing that is missing", installed=True)
def check_live(run, scene):
    installation = followed(run, scene)
    asked = Asked(run, installation)
    asked.green()
    in_the_pod = run.measured["checked"]
    told = [line for line in in_the_pod.splitlines() if line.startswith(("×", "‼", "-")) and not set(line) <= {"-"}]
    # but for what it can't see so early: the first alert is still to come, and Prometheus has just been told another scrape interval
    early = ("- Ripcord takes what Alertmanager sends", "series that are there only now and then are offered")
    check(all(line.startswith("-") and line.endswith(early) for line in told), f"in the pod it says:\n{in_the_pod}")

    asked.red("ripcord", "token", "checktoken", token_file=written(run, "wrong-token", "not it"))
    asked.red("ripcord", "token", "checktoken", token_file=written(run, "empty-token", ""))
    config = installed.MINE / "ripcord.yaml"
    elsewhere = written(run, "nowhere.yaml", config.read_text().replace("[lab30]", "[lab30, nowhere]", 1))
    asked.red("namespaces and rights", "nowhere", "checknamespaces", file=elsewhere)
    with without_a_verb(run):
        asked.red("namespaces and rights", "list pods", "checkrights")
    with without_the_route(run, installation):
        asked.red("alertmanager", "route", "checkroute")
    with another_token(run, installation):
        asked.found("alertmanager", "warning", "because of their token", "checktoken")
    with edited_rules(run, installation):
        asked.found("alert rules", "warning", "RipcordDown", "checkrules")
    with stopped("kube-state-metrics"):
        wait_until("Prometheus finds it stopped", lambda: run.prometheus.query('up{job="kube-state-metrics"} == 0'), 60)
        asked.red("prometheus", "kube-state-metrics", "checkseries")
    # the incidents go with it: the last
    remove_crd()
    try:
        asked.red("kubernetes", "there is none", "ripcordcrdtooold")
        apply_crd(CRD.read_text().replace("v1alpha1", "v1beta1"))
        asked.red("kubernetes", "it serves v1beta1", "ripcordcrdtooold")
        remove_crd()
    finally:
        apply_crd(CRD.read_text())
    asked.green(but="because of their token")


class Asked:
    """`check --live` from the host, with the rights of Ripcord's own account."""

    def __init__(self, run, installation):
        self.run, self.installation = run, installation
        self.token_file = installation.monitoring / "ripcord-token"

    def ask(self, file=None, token_file=None):
        """Its exit code and its document."""
        done = subprocess.run([
            str(self.run.binary), "check", "--live", str(file or installed.MINE / "ripcord.yaml"), "-o", "json", "--as", ACCOUNT,
            "--prometheus-url", self.run.prometheus.url, "--alertmanager-url", self.run.alertmanager_url,
            "--webhook-url", f"http://{self.installation.address()}", "--token-file", str(token_file or self.token_file),
        ], capture_output=True, text=True, timeout=60)
        check(done.stdout.startswith("{"), f"it ends with {done.returncode}: {done.stderr}")
        return done.returncode, json.loads(done.stdout)

    def green(self, but=None):
        """Everything is fine, but for what is remembered for ten minutes; what changed a moment ago may need a scrape or a reload to be seen."""

        def fine():
            code, document = self.ask()
            other = [one for one in findings(document) if one["result"] != "success" and not (but and but in one["error"])]
            if code or other:
                raise NotYet(json.dumps(other, indent=1))
            return True

        wait_until("all of it is green", fine, 60)

    def red(self, category, about, section, **asked):
        code, document = self.found(category, "error", about, section, **asked)
        check(code == 1 and not document["success"], f"it ends with {code}: {document}")

    def found(self, category, result, about, section, **asked):
        """A finding of a category, with what is wrong, what to do, and where more is said."""

        def seen():
            code, document = self.ask(**asked)
            of_it = next(one for one in document["categories"] if one["categoryName"] == category)
            for one in of_it["checks"]:
                text = one["description"] + one["error"]
                if one["result"] == result and about.lower() in text.lower() and one["hint"] == SECTION + section and one["waysOut"]:
                    return code, document
            raise NotYet(json.dumps(of_it, indent=1))

        return wait_until(f"{category} says {result} about {about}", seen, 60)


def findings(document):
    return [one for category in document["categories"] for one in category["checks"]]


def written(run, name, text):
    file = run.folder / name
    file.write_text(text)
    return file


def remove_crd():
    kubectl("delete", "crd", "incidents.ripcord.dev", "--wait", "--timeout=60s")


def apply_crd(text):
    kubectl("apply", "-f", "-", text=text)
    kubectl("wait", "--for=condition=Established", "crd/incidents.ripcord.dev", "--timeout=30s")


@contextlib.contextmanager
def without_a_verb(run):
    """The Role lets it list no pods."""
    rules = run.cluster.get("clusterroles", None, "ripcord")["rules"]
    fewer = json.loads(json.dumps(rules))
    for rule in fewer:
        if rule["resources"] == ["pods"]:
            rule["verbs"].remove("list")
    check(fewer != rules, f"the Role has no rule for pods alone: {rules}")
    try:
        set_rules(fewer)
        yield
    finally:
        set_rules(rules)


def set_rules(rules):
    kubectl("patch", "clusterrole", "ripcord", "--type=merge", "-p", json.dumps({"rules": rules}))


@contextlib.contextmanager
def without_the_route(run, installation):
    """Alertmanager knows the receiver, and sends it nothing."""
    pasted = (installation.monitoring / "alertmanager.yml").read_text()
    without = re.sub(r"    - receiver: ripcord\n(?:      .*\n)+", "", pasted)
    check(without != pasted, f"the README's configuration has no such route any more:\n{pasted}")
    try:
        installation.configure("alertmanager.yml", without, run.alertmanager_url)
        yield
    finally:
        installation.configure("alertmanager.yml", pasted, run.alertmanager_url)


@contextlib.contextmanager
def another_token(run, installation):
    """Alertmanager shows a token that is not Ripcord's, and has something to say."""
    file = installation.monitoring / "ripcord-token"
    token = file.read_text()
    try:
        file.write_text("another")
        labels = {"alertname": "AnotherToken", "namespace": "lab30", "severity": "warning"}
        body = json.dumps([{"labels": labels}]).encode()
        request = urllib.request.Request(f"{run.alertmanager_url}/api/v2/alerts", body, {"content-type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()
        yield
    finally:
        file.write_text(token)


@contextlib.contextmanager
def edited_rules(run, installation):
    """Somebody has changed a rule by hand."""
    shipped = ROOT / "deploy" / "monitoring" / "rules.yaml"
    prometheus = (installation.monitoring / "prometheus.yml").read_text()
    text = shipped.read_text()
    edited = re.sub(r"(alert: RipcordDown\n(?:.*\n)*?\s+for: )\S+", r"\g<1>3h", text, count=1)
    check(edited != text, "the shipped rules have no RipcordDown with `for`")
    mine = written(run, "rules.yaml", edited)
    try:
        installation.configure("prometheus.yml", prometheus.replace(str(shipped), str(mine)), run.prometheus.url)
        yield
    finally:
        installation.configure("prometheus.yml", prometheus, run.prometheus.url)


@contextlib.contextmanager
def stopped(process):
    """A process of the rig stands still; it goes on where it was."""
    pid = int((pathlib.Path(os.environ["RIG_STATE"]) / f"{process}.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
