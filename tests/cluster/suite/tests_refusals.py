"""Alerts that must not move anything: about the healthy, the absent, the foreign and the hostile."""

import json

import alertmanager
import incidents
import live
from trial import trial
from waiting import check
from workloads import MISSING_WEB, web

HEALTHY, OUTSIDE, BROKEN = "t5-healthy", "ripcord-t5", "t5-broken"
SKIPPED = "ripcord_alerts_skipped_total"


@trial(
    5, "alerts about healthy, foreign, absent and hostile things write to no workload", alone=True,
    # the broken one is in a namespace that no configuration names, though Ripcord's account could write there
    good=[web("faults", HEALTHY), web(OUTSIDE, BROKEN, image=MISSING_WEB)], namespaces=[OUTSIDE],
)
def refusals(run, scene):
    scene.watching("faults", HEALTHY)
    scene.watching(OUTSIDE, BROKEN)
    (pod,) = live.wait_rolled_out(run, "faults", HEALTHY)
    foreign = live.wait_for_failing_pod(run, OUTSIDE, BROKEN)
    before, known = live.writes(run), names_of_incidents(run)
    hostile = hostile_alerts(HEALTHY)

    about_healthy = alertmanager.pod_alert(pod, "web")
    check(post(run, about_healthy) == 200, "an alert about a healthy workload was not answered with 200")
    incidents.wait_for(run, "faults", HEALTHY, "waits", lambda now: now.get("reason") == "NotFailing", 60)
    for what, (one, reason) in skipped_alerts(pod, foreign).items():
        counted = run.main.total(SKIPPED, reason=reason)
        status = post(run, one)
        check(status == 200, f"{what}: answered with {status}")
        check(run.main.total(SKIPPED, reason=reason) > counted, f"{what}: not counted as {reason}")
    for what, one in hostile.items():
        status = post(run, one)
        check(200 <= status < 500 and status not in (301, 302, 307, 308), f"{what}: answered with {status}")
    for what, body, expected in unreadable_bodies():
        status = alertmanager.post(run.main.port, body)
        check(status == expected, f"{what}: answered with {status}, not {expected}")

    check(post(run, alertmanager.resolved(about_healthy), *map(alertmanager.resolved, hostile.values())) == 200, "resolved alerts: not 200")
    incidents.wait_closed(run, "faults", HEALTHY, "NotFailing", 120)
    check(run.main.running() and run.main.get("/-/healthy")[0] == 200, "the daemon is not healthy any more")
    for line in run.main.log.read_text().splitlines():
        check(line.startswith("{") and isinstance(json.loads(line), dict), f"a log line is no JSON object: {line[:200]}")
    check(live.writes(run) == before, f"something was written:\nbefore {before}\nafter  {live.writes(run)}")
    new = names_of_incidents(run) - known
    check(len(new) == 1, f"more than the healthy workload has an incident: {new}")


def post(run, *alerts):
    return alertmanager.post(run.main.port, alertmanager.group(*alerts))


def names_of_incidents(run):
    return {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in run.cluster.list("incidents")}


def skipped_alerts(pod, foreign):
    """Alerts that leave nothing but a counted reason."""
    name = pod["metadata"]["name"]
    return {
        "a broken workload of another namespace": (alertmanager.pod_alert(foreign, "web"), "out_of_scope"),
        "the same by its Deployment": (alertmanager.alert("Lab30DeploymentNotReady", namespace=OUTSIDE, deployment=BROKEN), "out_of_scope"),
        "the cluster's own namespace": (alertmanager.alert("Lab30DeploymentNotReady", namespace="kube-system", deployment="coredns"), "out_of_scope"),
        "a pod that is gone": (alertmanager.alert("Lab30PodWaiting", namespace="faults", pod=f"{HEALTHY}-5d79c9d97c-gone1", container="web"), "pod_gone"),
        "a Deployment that is gone": (alertmanager.alert("Lab30DeploymentNotReady", namespace="faults", deployment="t5-never-was"), "workload_gone"),
        "another pod of the same name": (alertmanager.alert("Lab30PodWaiting", namespace="faults", pod=name, uid="00000000-0000-4000-8000-000000000000"), "stale_uid"),
        "no namespace": (alertmanager.alert("Lab30PodWaiting", pod=name), "no_namespace"),
        "resolved first": (alertmanager.alert("Lab30PodRestarts", status="resolved", namespace="faults", pod=name), "resolved"),
        "exported labels beside the scraper's own": (alertmanager.alert(
            "Lab30PodWaiting", namespace="faults", pod=name, exported_namespace="kube-system", exported_pod="kube-state-metrics-0"), "out_of_scope"),
    }


def hostile_alerts(name):
    """Label values that would be somebody else's syntax: PromQL, a path, a log line, a selector."""
    breaks = ('"} or vector(1) #', "a\nlevel=error msg=forged", "../../kube-system/deployments/coredns", "x,app!=y", "%2e%2e%2f", "\u202e\u0000\u001b[31m", "é" * 5000)
    found = {}
    for value in breaks:
        found[f"pod {value[:20]!r}"] = alertmanager.alert("Lab30PodWaiting", namespace="faults", pod=value)
        found[f"deployment {value[:20]!r}"] = alertmanager.alert("Lab30DeploymentNotReady", namespace="faults", deployment=value)
        found[f"namespace {value[:20]!r}"] = alertmanager.alert("Lab30DeploymentNotReady", namespace=value, deployment=name)
        found[f"alertname {value[:20]!r}"] = alertmanager.alert(value, namespace="faults", deployment=name, container=value)
    return found


def unreadable_bodies():
    good = alertmanager.group(alertmanager.alert("A", namespace="faults", deployment="t5-never-was"))
    return [
        ("no JSON", b"{\"version\": \"4\", ", 400),
        ("no payload", b"[]", 400),
        ("another version", json.dumps({**good, "version": "5"}).encode(), 400),
        ("5 MB", json.dumps({**good, "externalURL": "x" * 5_000_000}).encode(), 413),
        ("fields of the future", json.dumps({**good, "notification_reason": "x", "routeLabels": {"a": "b"}}).encode(), 200),
    ]
