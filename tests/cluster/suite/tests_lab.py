"""The lab's two incidents, with its manifests as they are, its alert rules and the real Alertmanager."""

import alertmanager
import incidents
import live
import measure
from cluster import kubectl
from ripcord import fetch
from run import LAB
from trial import trial
from waiting import check, wait_until
from workloads import GOOD_WEB, MISSING_WEB


@trial(1, "lab30-web with an image that does not exist is pinned to 0.2.1 and recovers", alone=True)
def web_bad_image(run, scene):
    scene.watching("lab30", "lab30-web")
    live.wait_rolled_out(run, "lab30", "lab30-web")
    # with the default strategy the old pod would go on serving, and /health would never fail
    run.cluster.patch("deployments", "lab30", "lab30-web", {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}})
    wait_until("/health answers 200", lambda: healthy(run), 60)
    live.wait_calm(run, "lab30", "lab30-web")
    incidents.forget(run, "lab30", "lab30-web")
    with measure.incident(run, "lab30", "lab30-web") as measured:
        kubectl("apply", "-f", str(LAB / "web-bad-image.yaml"))
        wait_until("/health fails", lambda: not healthy(run), 60)
        pod = measured.wait_for_failing_pod()
        measured.wait_for_patch(120)
        wait_until("Lab30PodWaiting fires", lambda: run.prometheus.fired("Lab30PodWaiting", "lab30", pod), 60, every=2)
        incident = incidents.wait_closed(run, "lab30", "lab30-web", "Recovered")
        measured.closed(incident)
    check(live.image(live.deployment(run, "lab30", "lab30-web")) == GOOD_WEB, "the image is not the policy's")
    live.wait_rolled_out(run, "lab30", "lab30-web", seconds=5)
    check(healthy(run), "/health does not answer 200 after the incident was closed as Recovered")
    incidents.check_recovered(incident)
    check(incidents.status(incident)["cause"] == "ImageNotFound", incidents.standing(incident))
    check(incidents.status(incident)["action"] == "pinImage", incidents.standing(incident))
    incidents.check_announced(run, incident, "RemediationStarted", "RemediationSucceeded")
    incidents.check_sources(incident)
    # from any source: the pod itself alternates between it and ErrImagePull, Prometheus and Events keep both;
    # and the registry's own words, as containerd hands them on
    incidents.check_evidence(incident, None, "ImagePullBackOff", f"{MISSING_WEB}: not found")
    incidents.check_diff(incident, MISSING_WEB, GOOD_WEB)


@trial(2, "lab30-redis with broken arguments is undone and recovers", alone=True)
def bad_redis_arguments(run, scene):
    scene.watching("lab30", "lab30-redis")
    live.wait_proven(run, "lab30", "lab30-redis")
    live.wait_calm(run, "lab30", "lab30-redis")
    incidents.forget(run, "lab30", "lab30-redis")
    with measure.incident(run, "lab30", "lab30-redis") as measured:
        kubectl("apply", "-f", str(LAB / "bad-redis-arg.yaml"))
        crashing = measured.wait_for_failing_pod()
        measured.wait_for_patch(150)
        incident = incidents.wait_closed(run, "lab30", "lab30-redis", "Recovered")
        measured.closed(incident)
    # its pod is gone by now; whichever alert came first, this one must have fired too
    wait_until("Lab30PodRestarts fires", lambda: run.prometheus.fired("Lab30PodRestarts", "lab30", crashing), 90, every=2)
    check(alertmanager.holds(run.alertmanager_url, "Lab30PodRestarts", "lab30"), "the real Alertmanager does not hold Lab30PodRestarts")
    template = live.deployment(run, "lab30", "lab30-redis")["spec"]["template"]
    check("args" not in template["spec"]["containers"][0], f"the arguments are still there: {template}")
    (serving,) = live.wait_rolled_out(run, "lab30", "lab30-redis", seconds=5)
    name = serving["metadata"]["name"]
    increase = run.prometheus.query(f'increase(kube_pod_container_status_restarts_total{{namespace="lab30",pod="{name}"}}[1m])')
    check(len(increase) == 1 and increase[0][1] == 0, f"restarts of {name} in the last minute: {increase}")
    incidents.check_recovered(incident)
    check(incidents.status(incident)["cause"] == "CrashOnStart", incidents.standing(incident))
    check(incidents.status(incident)["action"] == "rolloutUndo", incidents.standing(incident))
    incidents.check_announced(run, incident, "RemediationStarted", "RemediationSucceeded")
    incidents.check_sources(incident)
    incidents.check_evidence(incident, "Pods", "127")
    incidents.check_evidence(incident, "Logs", "9090: not found")
    for source in ("Prometheus", "Events"):
        incidents.check_evidence(incident, source)


def healthy(run):
    return fetch(f"{run.web_url}/health") == 200
