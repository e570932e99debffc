"""The API calls that no responder can do without, made by hand as Ripcord's account over one connection: what its own latency compares with."""

import http.client
import json
import ssl
import statistics
import time
import urllib.parse

import incidents
import live
from cluster import path
from waiting import check

ROUNDS = 5
NAMESPACE = "ripcord-bare"  # no instance looks after it, so that nobody picks up what is written here
JSON_PATCH = "application/json-patch+json"


def rows(run):
    """One row for each call with its median, and their sum; nothing when the lab's redis had no incident in this run."""
    found = incidents.of(run, "lab30", "lab30-redis")
    if not found:
        return []
    run.namespace(NAMESPACE)
    caller, times = Caller(*run.credentials(run.kubeconfig)), {}
    clear(run)
    for number in range(ROUNDS):
        for what, seconds in calls(run, caller, found[-1], number):
            times.setdefault(what, []).append(seconds)
    clear(run)
    medians = {what: statistics.median(seconds) for what, seconds in times.items()}
    listed = ", ".join(f"{what} {seconds * 1000:.1f}" for what, seconds in medians.items())
    return [(f"the bare API calls from alert to patch, ms, median of {ROUNDS}: {listed}", f"{sum(medians.values()):.3f} s")]


def clear(run):
    """Deletes what was written here, also by a run that could not go on."""
    for left in run.cluster.list("incidents", NAMESPACE):
        run.cluster.delete("incidents", NAMESPACE, left["metadata"]["name"])


def calls(run, caller, incident, number):
    """One round: record the alert, look, record the plan, rehearse, look again, write. Yields (call, seconds)."""
    namespace, name = "lab30", "lab30-redis"
    (pod,) = live.pods(run, namespace, name)
    selector = "?" + urllib.parse.urlencode({"labelSelector": f"app={name}"})
    about = "?" + urllib.parse.urlencode({"fieldSelector": f"involvedObject.uid={pod['metadata']['uid']}"})
    record = {"apiVersion": incident["apiVersion"], "kind": "Incident", "metadata": {"name": f"bare-{number}", "namespace": NAMESPACE}, "spec": incident["spec"]}
    deployment = path("deployments", namespace, name)

    seconds, created = caller.call("POST", path("incidents", NAMESPACE), record)
    yield "create incident", seconds
    yield "get deployment", caller.call("GET", deployment)[0]
    yield "list replicasets", caller.call("GET", path("replicasets", namespace) + selector)[0]
    yield "list pods", caller.call("GET", path("pods", namespace) + selector)[0]
    yield "list events", caller.call("GET", path("events", namespace) + about)[0]
    yield "get log", caller.call("GET", path("pods", namespace, pod["metadata"]["name"], "log"))[0]
    planned = {**created, "status": incidents.status(incident)}
    yield "save incident status", caller.call("PUT", path("incidents", NAMESPACE, f"bare-{number}", "status"), planned)[0]
    seconds, live_object = caller.call("GET", deployment)
    rehearsal = caller.call("PATCH", f"{deployment}?dryRun=All", conditional(live_object, number), JSON_PATCH)[0]
    yield "patch deployment (dry run)", rehearsal
    yield "get deployment again", seconds
    yield "patch deployment", caller.call("PATCH", deployment, conditional(live_object, number), JSON_PATCH)[0]


def conditional(thing, number):
    """A patch with Ripcord's preconditions that changes an annotation: the template stays, so nothing rolls out."""
    metadata = thing["metadata"]
    return [
        {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        {"op": "replace", "path": "/spec/template", "value": thing["spec"]["template"]},
        {"op": "add", "path": "/metadata/annotations/ripcord.dev~1measured", "value": str(number)},
    ]


class Caller:
    """One keep-alive connection to the API server, as an account."""

    def __init__(self, server, authority, token):
        where = urllib.parse.urlsplit(server)
        self.connection = http.client.HTTPSConnection(where.hostname, where.port or 443, context=ssl.create_default_context(cafile=authority), timeout=10)
        self.token = token
        self.call("GET", "/version")  # the handshake is not counted

    def call(self, method, address, body=None, content_type="application/json"):
        """Seconds that one call took, and its answer."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": content_type}
        began = time.perf_counter()
        self.connection.request(method, address, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - began
        check(answer.status < 300, f"{method} {address} as Ripcord's account: {answer.status} {text[:300]}")
        return seconds, json.loads(text) if text.startswith(b"{") else text
