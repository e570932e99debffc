"""Each fault of the rig's lab, after a revision that was healthy, by the rig's own rules: the daemon says what is broken."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import config
import incidents
import live
from cluster import kubectl
from run import LAB
from trial import trial
from waiting import NotYet, check, wait_until
from workloads import GOOD_REDIS, GOOD_WEB, LABEL

NAMESPACE = "faults"
# five within a minute are a storm to the main instance
WAVE = 4
CAUSES = {
    "bad-args": "CrashOnStart",
    "bad-env": "CrashOnStart",
    "config-missing": "ConfigMissing",
    "ds-image-not-found": "ImageNotFound",
    "exit-zero": "ExitedZero",
    "image-not-found": "ImageNotFound",
    "init-crash": "InitFailed",
    "invalid-image-name": "InvalidImageName",
    "liveness-kill": "ProbeKilled",
    "mount-missing": "MountMissing",
    "never-pull": "NeverPull",
    "no-entrypoint": "StartError",
    "oom": "OutOfMemory",
    "registry-401": "ImageAccessDenied",
    "registry-403": "ImageAccessDenied",
    "registry-429": "RegistryRateLimited",
    "registry-500": "RegistryUnreachable",
    "registry-503": "RegistryUnreachable",
    "registry-no-such-host": "RegistryUnreachable",
    "registry-refused": "RegistryUnreachable",
    "sts-image-not-found": "ImageNotFound",
    "unschedulable": "Unschedulable",
}


@trial(20, "faults: each of the lab's 22, rolled out over a healthy revision, is diagnosed from its alert", rig=True)
def faults(run, scene):
    files = {file.stem: file for file in sorted((LAB / "faults").glob("*.yaml"))}
    check(sorted(files) == sorted(CAUSES), f"the lab's faults are {sorted(files)}")
    scene.watching(NAMESPACE, *CAUSES)
    broken = {name: manifest(file) for name, file in files.items()}
    try:
        for thing in broken.values():
            apply(healthy(thing))
        for thing in broken.values():
            wait_healthy(run, thing)
        names = sorted(CAUSES)
        for start in range(0, len(names), WAVE):
            wave = names[start:start + WAVE]
            for name in wave:
                incidents.forget(run, NAMESPACE, name)
                apply(broken[name])
            with ThreadPoolExecutor(WAVE) as pool:
                list(pool.map(lambda name: diagnosed(run, name), wave))
            for name in wave:
                check_stood_aside(run, broken[name])
                delete(broken[name])
    finally:
        for thing in broken.values():
            delete(thing)


def diagnosed(run, name):
    """Its incident names the cause of the container that was broken, and that one first."""

    def told():
        found = incidents.of(run, NAMESPACE, name)
        check(len(found) <= 1, f"{len(found)} incidents of {name}: {[incidents.standing(one) for one in found]}")
        if not found:
            raise NotYet("no incident")
        entries = {entry["container"]: entry["cause"] for entry in incidents.status(found[0]).get("diagnosis", [])}
        if CAUSES[name] not in entries.values():
            raise NotYet(f"{entries}; {incidents.standing(found[0])}")
        return found[0]

    incident = wait_until(f"{name} is diagnosed as {CAUSES[name]}", told, 180)
    alerts = incidents.status(incident)["alerts"]
    check(alerts, f"no alert is in its record: {incidents.standing(incident)}")
    container = incidents.status(incident)["diagnosis"][0]["container"]
    expected = "setup" if name == "init-crash" else "app"
    check(container == expected, f"{name}: {container} is blamed, not {expected}")


def check_stood_aside(run, thing):
    """No other cause was ever blamed, and where the policy does not cover it nothing was written."""
    name = thing["metadata"]["name"]
    for incident in incidents.of(run, NAMESPACE, name):
        now = incidents.status(incident)
        seen = [entry["text"] for entry in now["timeline"] if "seen failing" in entry["text"]]
        blamed = {cause for text in seen for cause in re.findall(r"(?:app|setup) \((\w+)\)", text)} - {"Unknown"}
        check(blamed <= {CAUSES[name]}, f"{name} was said to fail with {sorted(blamed)}: {seen}")
        allowed = thing["kind"] == "Deployment" and CAUSES[name] in config.CAUSES
        check(allowed or not now.get("applied"), f"{name} was written: {incidents.standing(incident)}")


def manifest(file):
    thing = json.loads(kubectl("create", "--dry-run=client", "-o", "json", "-f", str(file)))
    thing["metadata"].setdefault("labels", {})[LABEL] = "true"
    # what is killed at the end of the test need not be asked first
    thing["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
    return thing


def healthy(broken):
    """The same workload with nothing of what breaks it."""
    thing = json.loads(json.dumps(broken))
    pod = thing["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    image = container["image"] if container["image"] in (GOOD_WEB, GOOD_REDIS) else GOOD_WEB
    pod.pop("initContainers", None)
    pod.pop("volumes", None)
    pod["containers"] = [{"name": container["name"], "image": image}]
    return thing


def apply(thing):
    kubectl("apply", "-f", "-", text=json.dumps(thing))


def delete(thing):
    kubectl("delete", "--ignore-not-found", "--wait=false", thing["kind"], "-n", NAMESPACE, thing["metadata"]["name"])


def wait_healthy(run, thing):
    """Its pod has been Ready for `provenFor`."""
    name = thing["metadata"]["name"]

    def proven():
        found = live.pods(run, NAMESPACE, name)
        if len(found) != 1 or not live.ready_since(found[0]):
            raise NotYet(str([(pod["metadata"]["name"], live.waiting_reason(pod)) for pod in found]))
        lasted = live.seconds_since(live.ready_since(found[0]))
        if lasted < live.PROVEN_SECONDS:
            raise NotYet(f"ready for {lasted:.0f} s of {live.PROVEN_SECONDS}")
        return True

    wait_until(f"{name} is healthy", proven, 300, every=2)
