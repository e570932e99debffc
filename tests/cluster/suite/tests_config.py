"""What a template takes from a ConfigMap is edited: no revision is to blame, and none is gone back to."""

import json
import re
import time

import incidents
import live
from cluster import kubectl
from trial import trial
from waiting import check
from workloads import web

NAMESPACE, SETTINGS = "faults", "t21-settings"
DELETED, RESTARTED = "t21-deleted", "t21-restarted"
# Prometheus' history is read in steps of a minute, three samples of it are needed, and the lab scrapes every 5 s
WHOLE_SECONDS = 200
STEP_SECONDS = 60


@trial(21, "config: a ConfigMap that is edited under an unchanged template is named, with the time, and nothing is undone")
def edited(run, scene):
    scene.watching(NAMESPACE, DELETED, RESTARTED)
    try:
        settings("6379")
        for name in (DELETED, RESTARTED):
            run.cluster.apply("deployments", configured(name))
        for name in (DELETED, RESTARTED):
            live.wait_whole_for(run, NAMESPACE, name, WHOLE_SECONDS)
            incidents.forget(run, NAMESPACE, name)
        at = time.time()
        settings("not-a-number")
        # a pod that is made anew, and a rollout that changes an annotation alone, take it up
        for pod in live.pods(run, NAMESPACE, DELETED):
            kubectl("delete", "pod", "-n", NAMESPACE, pod["metadata"]["name"], "--wait=false")
        kubectl("rollout", "restart", "-n", NAMESPACE, f"deployment/{RESTARTED}")
        before = {name: live.generation(run, NAMESPACE, name) for name in (DELETED, RESTARTED)}
        for name in (DELETED, RESTARTED):
            check_held(run, name, at)
        settings("6379")
        for name in (DELETED, RESTARTED):
            live.wait_rolled_out(run, NAMESPACE, name)
            check(live.generation(run, NAMESPACE, name) == before[name], f"{name} was written")
    finally:
        for name in (DELETED, RESTARTED):
            run.cluster.delete("deployments", NAMESPACE, name)
        kubectl("delete", "configmap", "-n", NAMESPACE, SETTINGS, "--ignore-not-found")


def check_held(run, name, at):
    """Its incident is held, and says which ConfigMap changed, and by when: it was seen within a step of the history."""

    def told(now):
        causes = [entry["cause"] for entry in now.get("diagnosis", [])]
        return now.get("phase") == "Held" and causes == ["ConfigChanged"]

    held = incidents.wait_for(run, NAMESPACE, name, "is held for its ConfigMap", told, 240)
    because = incidents.status(held)["diagnosis"][0]["because"]
    found = re.search(rf"ConfigMap {SETTINGS} changed by (\S+Z)", because)
    check(found, f"the ConfigMap and the time are not named: {because}")
    late = live.parse_time(found.group(1)) - at
    check(-1 <= late <= STEP_SECONDS + 15, f"it was edited at {at:.0f}, {late:.0f} s before the time that is named: {because}")


def configured(name):
    """The lab's web, with its environment from the ConfigMap."""
    made = web(NAMESPACE, name)
    made["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": SETTINGS}}]
    return made


def settings(port):
    kubectl("apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": SETTINGS, "namespace": NAMESPACE}, "data": {"REDIS_PORT": port},
    }))
