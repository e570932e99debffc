"""An upgrade of Ripcord's own pod, and its configuration read anew, while it repairs something."""

import json
import re
import subprocess
import urllib.request

import alertmanager
import incidents
import installed
import live
from cluster import Watch, kubectl
from run import LAB
from tests_readme import followed, told
from trial import trial
from waiting import NotYet, check, wait_until
from workloads import RUN

WEB = "lab30-web"
# a tag of this run alone: neither the registry nor the node has it
NEXT = f"{installed.PULLED}:{RUN}"
DURING = "PostedDuringTheUpgrade"
FAILED = re.compile(r'^alertmanager_notification_requests_failed_total\{integration="webhook"\} (\S+)$', re.MULTILINE)
RELOADED = "ripcord_config_last_reload_successful"


@trial(15, "upgrade: a rolling upgrade and reloads in the middle of an incident lose nothing", installed=True)
def upgrade(run, scene):
    both_repaired(run, scene)


def both_repaired(run, scene):
    """The installation after both of the lab's incidents: redis by the README, web through an upgrade; whoever needs it first goes through it."""
    installation = followed(run, scene)
    scene.watching("lab30", WEB)
    if not installation.upgraded:
        installation.upgraded = True
        repair_through_an_upgrade(run, installation)
    check(WEB in installation.incidents, f"{WEB} was not repaired: see the first failure")
    return installation


def repair_through_an_upgrade(run, installation):
    live.wait_proven(run, "lab30", WEB)
    live.wait_calm(run, "lab30", WEB)
    deployments, pods = Watch(run.cluster, "deployments", "lab30"), Watch(run.cluster, "pods", "lab30")
    try:
        kubectl("apply", "-f", str(LAB / "web-bad-image.yaml"))
        incident = incidents.wait_for(run, "lab30", WEB, "is being repaired", under_way, 180)
        told(run, WEB, incident, pods.first(f"{WEB}-", live.backing_off)[0])
        reload(run, installation)
        upgraded_at = roll(run, installation)
        incident = incidents.wait_closed(run, "lab30", WEB, "Recovered")
        ids = {live.action(thing) for _, thing in deployments.seen if thing["metadata"]["name"] == WEB and live.action(thing)}
    finally:
        deployments.stop()
        pods.stop()
    incidents.check_recovered(incident)
    incidents.check_announced(run, incident, "RemediationStarted", "RemediationSucceeded")
    check(len(ids) == 1, f"more than one action: {ids}")
    generation = live.generation(run, "lab30", WEB)
    check(generation == 3, f"good, bad and undone make generation 3, not {generation}")
    check(len(incidents.of(run, "lab30", WEB)) == 1, "more than one incident")
    recorded = [one for one in incidents.status(incident)["alerts"] if one["name"] == DURING]
    check(len(recorded) == 1, f"the alert of the upgrade is not recorded: {incidents.status(incident)['alerts']}")
    check(live.parse_time(recorded[0]["receivedAt"]) >= upgraded_at, f"it came before there was anybody: {recorded}")
    installation.incidents[WEB] = incident


def under_way(status):
    return status.get("phase") in ("Acting", "Verifying")


def check_under_way(run, when):
    (incident,) = incidents.of(run, "lab30", WEB)
    check(under_way(incidents.status(incident)), f"{when} the incident is not being repaired: {incidents.standing(incident)}")


def reload(run, installation):
    """A file that nobody can read keeps the old configuration; a good one is taken; the incident goes on."""
    name = next(volume["configMap"]["name"] for volume in installation.pod()["spec"]["volumes"] if volume["name"] == "config")
    text = run.cluster.get("configmaps", installed.NAMESPACE, name)["data"]["ripcord.yaml"]
    put(run, installation, name, text.replace("namespaces: [lab30]", "namespaces: [elsewhere]") + "modus: enforce\n", 400, "modus")
    check(installation.total(RELOADED) == 0, "a refused reload is not in the metrics")
    status, ready = installation.get("/-/ready")
    check(status == 200, f"with the old configuration in force it is not ready: {status} {ready}")
    put(run, installation, name, text.replace("cooldown: 15m", "cooldown: 20m"), 200, "loaded")
    check(installation.total(RELOADED) == 1, "the good file was not taken")
    check_under_way(run, "after the reloads")


def put(run, installation, name, text, status, words):
    """Puts a file into the pod, and asks to read it until the kubelet has brought it there; a change of the pod makes it look at once."""
    run.cluster.patch("configmaps", installed.NAMESPACE, name, {"data": {"ripcord.yaml": text}})
    run.cluster.patch("pods", installed.NAMESPACE, installation.pod()["metadata"]["name"], {"metadata": {"annotations": {"tests/looked": str(hash(text))}}})

    def answered():
        seen = installation.get("/-/reload", "POST")
        if seen[0] != status or words not in seen[1]:
            raise NotYet(str(seen))
        return True

    wait_until(f"reloading answers {status}", answered, 90, every=0.2)


def roll(run, installation):
    """Another image whose pull lasts until Alertmanager has knocked in vain; returns when the new pod started."""
    old, before = installation.pod(), failed(run)
    name, image = old["metadata"]["name"], old["spec"]["containers"][0]["image"]
    kubectl("set", "image", "deployment/ripcord", f"ripcord={NEXT}", "-n", installed.NAMESPACE)
    wait_until("the old pod is gone", lambda: run.cluster.get("pods", installed.NAMESPACE, name) is None, 45)
    check_under_way(run, "between the old pod and the new one")
    announce(run)
    wait_until("Alertmanager finds nobody", lambda: failed(run) > before, 45)
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    subprocess.run(["skopeo", "copy", "-q", *plain, f"docker://{image}", f"docker://{NEXT}"], check=True, timeout=60)
    kubectl("rollout", "status", "deployment/ripcord", "-n", installed.NAMESPACE, "--timeout=90s")
    check_under_way(run, "when the new pod is ready")
    pod = installation.pod()
    image = pod["spec"]["containers"][0]["image"]
    check(image == NEXT, f"the pod runs {image}")
    return live.parse_time(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])


def announce(run):
    """An alert about the workload, given to the real Alertmanager as Prometheus gives its own."""
    one = alertmanager.alert(DURING, namespace="lab30", deployment=WEB)
    body = json.dumps([{key: one[key] for key in ("labels", "annotations", "startsAt")}]).encode()
    asked = urllib.request.Request(f"{run.alertmanager_url}/api/v2/alerts", body, {"content-type": "application/json"})
    urllib.request.urlopen(asked, timeout=10).close()


def failed(run):
    """Deliveries that reached nobody so far."""
    with urllib.request.urlopen(f"{run.alertmanager_url}/metrics", timeout=10) as answer:
        return float(FAILED.search(answer.read().decode())[1])
