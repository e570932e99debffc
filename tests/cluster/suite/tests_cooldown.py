"""The same workload again, soon after."""

import re

import alertmanager
import incidents
import live
from trial import trial
from waiting import check
from workloads import GOOD_WEB, MISSING_WEB, web

NAMESPACE, NAME = "ripcord-t9", "t9-web"
COOLDOWN_MINUTES = 10
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


@trial(9, "a second attempt within the cooldown waits and says until when", good=[web(NAMESPACE, NAME)], namespaces=[NAMESPACE])
def cooldown(run, scene):
    scene.watching(NAMESPACE, NAME)
    instance = scene.instance(NAMESPACE, [NAMESPACE], cooldown=f"{COOLDOWN_MINUTES}m")
    live.wait_proven(run, NAMESPACE, NAME)
    instance.start()
    break_it(run, instance, f"{MISSING_WEB}-1")
    first = incidents.wait_closed(run, NAMESPACE, NAME, "Recovered")
    check(live.image(live.deployment(run, NAMESPACE, NAME)) == GOOD_WEB, "the first incident was not undone")

    break_it(run, instance, f"{MISSING_WEB}-2")
    second = incidents.wait_for(
        run, NAMESPACE, NAME, "waits for the cooldown", lambda now: now.get("phase") == "Waiting" and now.get("reason") == "CoolingDown", 120, already=1)
    message = incidents.status(second)["message"]
    said = TIME.search(message)
    check(said, f"it does not say until when: {message!r}")
    wrote = live.parse_time(incidents.status(first)["applied"][0]["appliedAt"])
    lasts = live.parse_time(said[0]) - wrote
    check(abs(lasts - COOLDOWN_MINUTES * 60) < 120, f"it says until {said[0]}, {lasts:.0f} s after the write, with a cooldown of {COOLDOWN_MINUTES}m")
    check(live.generation(run, NAMESPACE, NAME) == 4, "good, bad, undone and bad again make generation 4: it was written to in its cooldown")


def break_it(run, instance, image):
    run.cluster.apply("deployments", web(NAMESPACE, NAME, image=image))
    pod = live.wait_for_failing_pod(run, NAMESPACE, NAME, uses=image)
    status = alertmanager.post(instance.port, alertmanager.group(alertmanager.pod_alert(pod, "web")), run.token)
    check(status == 200, f"the alert was answered with {status}")
