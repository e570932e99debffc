"""The registry is away while three workloads are rolled out: that is an outage, and no revision's fault."""

import subprocess

import incidents
import live
from run import RIG
from trial import trial
from waiting import check
from workloads import web

NAMESPACE = "faults"
NAMES = ("t22-a", "t22-b", "t22-c")


def always(name, env=None):
    """The lab's web, which is pulled at each start: the node has its image."""
    made = web(NAMESPACE, name, env=env)
    made["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    return made


@trial(
    22, "outage: while the registry is away, three rollouts at once are held as an outage, and each is rolled out when it is back",
    alone=True, rig=True, good=[always(name) for name in NAMES],
)
def outage(run, scene):
    scene.watching(NAMESPACE, *NAMES)
    for name in NAMES:
        live.wait_proven(run, NAMESPACE, name)
        incidents.forget(run, NAMESPACE, name)
    registry("stop")
    try:
        for name in NAMES:
            run.cluster.apply("deployments", always(name, env={"ROLLOUT": "2"}))
        for name in NAMES:
            held = incidents.wait_for(run, NAMESPACE, name, "is held as an outage", is_outage, 240)
            others = [other for other in NAMES if other != name]
            because = incidents.status(held)["shared"]["because"]
            check(all(f"{NAMESPACE}/{other}" in because for other in others), f"{others} are not named: {because}")
    finally:
        registry("start")
    for name in NAMES:
        # the kubelet's own pause between two pulls is up to five minutes
        live.wait_rolled_out(run, NAMESPACE, name, seconds=400)
        check(live.generation(run, NAMESPACE, name) == 2, f"{name} was written")


def is_outage(now):
    entries = [(entry["cause"], entry["rollbackHelps"]) for entry in now.get("diagnosis", [])]
    return now.get("phase") == "Held" and now.get("shared", {}).get("cause") == "RegistryOutage" and all(
        cause == "RegistryUnreachable" and helps != "Yes" for cause, helps in entries
    )


def registry(word):
    subprocess.run([str(RIG), "registry", word], check=True, timeout=60)
