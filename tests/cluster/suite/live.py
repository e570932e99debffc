"""Reading live workloads and pods: rolled out, broken, healthy for how long."""

from datetime import datetime, timezone

from waiting import NotYet, check, wait_until

ACTION = "ripcord.dev/action"
# the guard's 2m (config.py), and a little for the two clocks and the kubelet's whole seconds
PROVEN_SECONDS = 125


def parse_time(text):
    """An RFC 3339 time of the API, whole seconds or finer, as seconds since 1970."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return moment.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)


def seconds_since(text):
    return datetime.now(timezone.utc).timestamp() - parse_time(text)


def deployment(run, namespace, name):
    found = run.cluster.get("deployments", namespace, name)
    check(found, f"deployment/{name} is gone from {namespace}")
    return found


def generation(run, namespace, name):
    return deployment(run, namespace, name)["metadata"]["generation"]


def action(thing):
    """The id of Ripcord's last write to a workload; `None` = it never wrote."""
    return thing["metadata"].get("annotations", {}).get(ACTION)


def image(thing):
    return thing["spec"]["template"]["spec"]["containers"][0]["image"]


def pods(run, namespace, name):
    """A Deployment's pods that are not being deleted, oldest first; the tests' selectors are `app=<name>`, as the lab's are."""
    found = run.cluster.list("pods", namespace, labelSelector=f"app={name}")
    found = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"])


def waiting_reason(pod):
    """Why the pod's first container waits; empty = it does not."""
    for status in pod.get("status", {}).get("containerStatuses", []):
        return status["state"].get("waiting", {}).get("reason", "")
    return ""


def backing_off(pod):
    return waiting_reason(pod) in ("ImagePullBackOff", "CrashLoopBackOff")


def failing(pod):
    """Like `backing_off`, and already at the first failed pull: the kubelet backs off some seconds later."""
    return backing_off(pod) or waiting_reason(pod) == "ErrImagePull"


def wait_for_failing_pod(run, namespace, name, uses=None, seconds=120):
    """The newest pod of a Deployment, once it backs off; `uses`: the image that it must have."""

    def newest():
        all_pods = pods(run, namespace, name)
        for pod in reversed(all_pods):
            if backing_off(pod) and uses in (None, pod["spec"]["containers"][0]["image"]):
                return pod
        raise NotYet(str([(pod["metadata"]["name"], waiting_reason(pod)) for pod in all_pods]))

    return wait_until(f"a pod of {name} backs off", newest, seconds)


def ready_since(pod):
    """When the pod became Ready; `None` = it is not, or a container restarted since."""
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return condition["lastTransitionTime"]
    return None


def rolled_out(thing):
    """As `kubectl rollout status` judges it."""
    status, wanted = thing.get("status", {}), thing["spec"]["replicas"]
    return (
        status.get("observedGeneration", 0) >= thing["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == status.get("replicas", 0) == status.get("availableReplicas", 0) == wanted
    )


def wait_rolled_out(run, namespace, name, seconds=120):
    """Until the rollout is complete and only its Running, Ready pods are left; returns them."""

    def complete():
        thing = deployment(run, namespace, name)
        found = pods(run, namespace, name)
        states = [(pod["metadata"]["name"], pod["status"].get("phase"), bool(ready_since(pod)), waiting_reason(pod)) for pod in found]
        if not rolled_out(thing) or len(found) != thing["spec"]["replicas"] or not all(state[1:3] == ("Running", True) for state in states):
            raise NotYet(f"{thing.get('status', {}).get('conditions')} {states}")
        return found

    return wait_until(f"deployment/{name} is rolled out", complete, seconds)


def wait_whole_for(run, namespace, name, whole_for, seconds=300):
    """Until every pod has been Ready, without a restart, for that many seconds."""

    def whole():
        for pod in wait_rolled_out(run, namespace, name):
            restarts = sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
            check(restarts == 0, f"{pod['metadata']['name']} restarted {restarts} times before the test broke anything")
            lasted = seconds_since(ready_since(pod))
            if lasted < whole_for:
                raise NotYet(f"ready for {lasted:.0f} s of {whole_for}")
        return True

    return wait_until(f"deployment/{name} is whole for {whole_for} s", whole, seconds, every=2)


def wait_proven(run, namespace, name):
    """Until the running revision has earned `provenFor`."""
    return wait_whole_for(run, namespace, name, PROVEN_SECONDS)


def wait_calm(run, namespace, name, seconds=90):
    """Until Prometheus knows the workload as it is, and no alert about it is pending or firing: what the test's preparation did is over."""
    this = f'namespace="{namespace}",deployment="{name}"'

    def calm():
        thing = deployment(run, namespace, name)
        known = [int(value) for _, value in run.prometheus.query(f"kube_deployment_status_observed_generation{{{this}}}")]
        about = run.prometheus.query(f"ALERTS{{{this}}}")
        for pod in wait_rolled_out(run, namespace, name):
            about += run.prometheus.query(f'ALERTS{{namespace="{namespace}",pod="{pod["metadata"]["name"]}"}}')
        if known != [thing["metadata"]["generation"]] or about:
            raise NotYet(f"generation {thing['metadata']['generation']}, known to Prometheus: {known}; alerts: {about}")
        return True

    wait_until(f"Prometheus sees {name} calm", calm, seconds, every=1)


def writes(run, namespace=None):
    """What would show a write to any Deployment: generation, template and whatever Ripcord manages, by uid."""
    seen = {}
    for thing in run.cluster.list("deployments", namespace):
        metadata = thing["metadata"]
        managed = [entry for entry in metadata.get("managedFields", []) if entry["manager"] == "ripcord"]
        seen[metadata["uid"]] = (metadata["namespace"], metadata["name"], metadata["generation"], action(thing), managed)
    return seen
