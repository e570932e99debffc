"""What it stands on is away, or too old: nothing is done, nothing is lost, and all goes on when it is back."""

import json

import alertmanager
import incidents
import live
from cluster import kubectl
from gate import Gate
from trial import trial
from waiting import check, wait_until
from workloads import MISSING_WEB, web

NAMESPACE, NAME = "ripcord-t12", "t12-web"
CRD = "crd/incidents.ripcord.dev"


@trial(12, "with Prometheus or the API server away it does nothing, says so, and goes on when they are back", good=[web(NAMESPACE, NAME)], namespaces=[NAMESPACE])
def away(run, scene):
    scene.watching(NAMESPACE, NAME)
    api, prometheus = Gate(run.server()).open(), Gate(run.prometheus.url).open()
    try:
        instance = scene.instance(NAMESPACE, [NAMESPACE], kubeconfig=run.through(api), prometheus_url=prometheus.url)
        live.wait_proven(run, NAMESPACE, NAME)
        instance.start()
        prometheus.shut()
        run.cluster.apply("deployments", web(NAMESPACE, NAME, image=MISSING_WEB))
        pod = live.wait_for_failing_pod(run, NAMESPACE, NAME)
        first = alertmanager.group(alertmanager.pod_alert(pod, "web"))
        check(alertmanager.post(instance.port, first, run.token) == 200, "a webhook that can't reach Prometheus was not recorded")
        waiting = incidents.wait_for(run, NAMESPACE, NAME, "waits for Prometheus", says_prometheus, 60)
        wait_until("it says that Prometheus is away", lambda: ready(instance, 200, "prometheus: prometheus can"), 40)
        check(not incidents.status(waiting).get("applied"), incidents.standing(waiting))

        api.shut()
        wait_until("it is not ready without the API server", lambda: ready(instance, 503, "kubernetes: "), 40)
        second = alertmanager.group(alertmanager.alert("Lab30DeploymentNotReady", namespace=NAMESPACE, deployment=NAME))
        status = alertmanager.post(instance.port, second, run.token)
        check(status == 503, f"without the API server an alert was answered with {status}")

        api.open()
        wait_until("it is ready again", lambda: ready(instance, 200, "kubernetes: ok"), 40)
        check(alertmanager.post(instance.port, second, run.token) == 200, "the alert that comes again is not recorded")
        check(live.generation(run, NAMESPACE, NAME) == 2, "something was written while Prometheus was away")
        prometheus.open()
        incident = incidents.wait_closed(run, NAMESPACE, NAME, "Recovered")
        incidents.check_recovered(incident)
        check(len(incidents.status(incident)["alerts"]) == 2, f"an alert was lost: {incidents.status(incident)['alerts']}")
        check(live.generation(run, NAMESPACE, NAME) == 3, "it was not written exactly once")
    finally:
        api.shut()
        prometheus.shut()


def says_prometheus(status):
    return status.get("phase") == "Waiting" and "prometheus" in status.get("message", "").lower()


def ready(instance, expected, line):
    status, text = instance.get("/-/ready")
    return status == expected and line in text


@trial(13, "with a CRD that is older than the binary it is not ready and takes no alert", alone=True)
def older_crd(run, scene):
    whole = json.loads(kubectl("get", CRD, "-o", "json"))
    older = json.loads(json.dumps(whole))
    status = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    del status["plan"]["properties"]["patchSha256"]
    status["plan"]["required"].remove("patchSha256")
    instance = scene.instance("t13", ["faults"])
    try:
        put(older)
        instance.start(until=lambda: ready(instance, 503, "status.plan.patchSha256"))
        one = alertmanager.group(alertmanager.alert("Lab30DeploymentNotReady", namespace="faults", deployment="t13-none"))
        answered = alertmanager.post(instance.port, one, run.token)
        check(answered == 503, f"an alert that can't be recorded whole was answered with {answered}")
    finally:
        put(whole)
    wait_until("it is ready with the whole CRD", lambda: ready(instance, 200, "kubernetes: ok"), 60)
    check(alertmanager.post(instance.port, one, run.token) == 200, "with the whole CRD the alert is not taken")


def put(crd):
    for key in ("resourceVersion", "uid", "generation", "creationTimestamp", "managedFields"):
        crd["metadata"].pop(key, None)
    crd.pop("status", None)
    kubectl("replace", "-f", "-", text=json.dumps(crd))
    kubectl("wait", "--for=condition=Established", CRD, "--timeout=30s")
