"""Where to go back to when the one before is bad too, and when none was ever good."""

import alertmanager
import incidents
import live
from trial import trial
from waiting import check
from workloads import GOOD_WEB, MISSING_WEB, web

NAMESPACE = "ripcord-t8"
GOOD, NEVER = "t8-web", "t8-never"
# Prometheus' history is read in steps of a minute, and three samples of it are needed
WHOLE_SECONDS = 180


@trial(
    8, "two bad rollouts in a row go back to the revision that Prometheus saw healthy; with none, it is held",
    good=[web(NAMESPACE, GOOD, recreate=True), web(NAMESPACE, NEVER, image=f"{MISSING_WEB}-1", recreate=True)], namespaces=[NAMESPACE],
)
def history(run, scene):
    scene.watching(NAMESPACE, GOOD, NEVER)
    instance = scene.instance(NAMESPACE, [NAMESPACE])
    live.wait_whole_for(run, NAMESPACE, GOOD, WHOLE_SECONDS)
    live.wait_for_failing_pod(run, NAMESPACE, NEVER)
    # Ripcord is stopped: nobody but Prometheus sees the revisions come and go
    run.cluster.apply("deployments", web(NAMESPACE, GOOD, image=f"{MISSING_WEB}-1", recreate=True))
    live.wait_for_failing_pod(run, NAMESPACE, GOOD, uses=f"{MISSING_WEB}-1")
    for name in (GOOD, NEVER):
        run.cluster.apply("deployments", web(NAMESPACE, name, image=f"{MISSING_WEB}-2", recreate=True))
    pods = [live.wait_for_failing_pod(run, NAMESPACE, name, uses=f"{MISSING_WEB}-2") for name in (GOOD, NEVER)]
    never_before = live.deployment(run, NAMESPACE, NEVER)
    instance.start()
    status = alertmanager.post(instance.port, alertmanager.group(*(alertmanager.pod_alert(pod, "web") for pod in pods)), run.token)
    check(status == 200, f"the alerts were answered with {status}")

    held = incidents.wait_for(run, NAMESPACE, NEVER, "is held", lambda now: now.get("phase") == "Held", 120)
    check(incidents.status(held)["reason"] == "TargetUnproven", incidents.standing(held))

    recovered = incidents.wait_closed(run, NAMESPACE, GOOD, "Recovered")
    incidents.check_recovered(recovered)
    undone = live.deployment(run, NAMESPACE, GOOD)
    check(live.image(undone) == GOOD_WEB, f"it went to {live.image(undone)}")
    proof = incidents.status(recovered)["plan"]["proof"]
    check("Prometheus' history" in proof, f"it was not proven by Prometheus' history: {proof}")
    check(undone["metadata"]["generation"] == 4, f"good, two bad and undone make generation 4, not {undone['metadata']['generation']}")
    live.wait_rolled_out(run, NAMESPACE, GOOD, seconds=5)
    still = incidents.of(run, NAMESPACE, NEVER)[-1]
    check(incidents.status(still)["phase"] == "Held", incidents.standing(still))
    never_after = live.deployment(run, NAMESPACE, NEVER)["metadata"]
    check(never_after["generation"] == never_before["metadata"]["generation"] and not live.action({"metadata": never_after}), "the unproven one was written to")
