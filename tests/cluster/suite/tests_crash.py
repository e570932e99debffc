"""kill -9 in the middle of the work."""

import alertmanager
import incidents
import live
from cluster import Watch
from trial import trial
from waiting import check, wait_until
from workloads import MISSING_WEB, web

NAMESPACE, NAME = "ripcord-t7", "t7-web"


@trial(7, "killed between the patch and the end of verification, it takes over, patches no second time and recovers", good=[web(NAMESPACE, NAME)], namespaces=[NAMESPACE])
def killed(run, scene):
    scene.watching(NAMESPACE, NAME)
    instance = scene.instance(NAMESPACE, [NAMESPACE])
    live.wait_proven(run, NAMESPACE, NAME)
    instance.start()
    run.cluster.apply("deployments", web(NAMESPACE, NAME, image=MISSING_WEB))
    pod = live.wait_for_failing_pod(run, NAMESPACE, NAME)
    watch = Watch(run.cluster, "deployments", NAMESPACE)
    try:
        status = alertmanager.post(instance.port, alertmanager.group(alertmanager.pod_alert(pod, "web")), run.token)
        check(status == 200, f"the alert was answered with {status}")
        # at the first sight of the write: it may not even have been recorded as accepted
        wait_until("the patch is written", lambda: watch.first(NAME, live.action), 120, every=0.02)
        instance.kill()
        killed_in = incidents.of(run, NAMESPACE, NAME)[-1]
        check(incidents.status(killed_in).get("phase") in ("Acting", "Verifying"), f"killed too late: {incidents.standing(killed_in)}")
        holder = incidents.status(killed_in)["holder"]

        instance.start()
        taken = incidents.wait_for(
            run, NAMESPACE, NAME, "is taken over", lambda now: now.get("phase") == "Closed" or now.get("holder", holder)["id"] != holder["id"], 90)
        check(live.seconds_since(holder["deadline"]) > -1, f"taken over before the holder's deadline {holder['deadline']}: {incidents.standing(taken)}")
        incident = incidents.wait_closed(run, NAMESPACE, NAME, "Recovered")
        incidents.check_recovered(incident)
        ids = {live.action(thing) for _, thing in watch.seen if live.action(thing)}
        check(len(ids) == 1, f"more than one action: {ids}")
        undone = live.deployment(run, NAMESPACE, NAME)
        check(undone["metadata"]["generation"] == 3, f"good, bad and undone make generation 3, not {undone['metadata']['generation']}")
        managed = {tuple(entry["time"] for entry in thing["metadata"]["managedFields"] if entry["manager"] == "ripcord") for _, thing in watch.seen}
        check(len(managed - {()}) == 1, f"Ripcord wrote at several times: {managed}")
    finally:
        watch.stop()
