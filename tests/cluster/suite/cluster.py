"""The cluster as the tests see it: its administrator's view, through `kubectl proxy`, so that any kubeconfig works and polling costs no process."""

import http.client
import json
import subprocess
import threading
import time
import urllib.parse

GROUPS = {
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "incidents": "/apis/ripcord.dev/v1alpha1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "clusterroles": "/apis/rbac.authorization.k8s.io/v1",
}
TIMEOUT_SECONDS = 30


class ApiError(Exception):
    """An answer of the API server that the test did not expect."""


def path(resource, namespace=None, name=None, subresource=None):
    """The address of an object or a collection."""
    parts = [GROUPS.get(resource, "/api/v1")]
    if namespace:
        parts += ["namespaces", namespace]
    parts.append(resource)
    parts += [part for part in (name, subresource) if part]
    return "/".join(parts)


def kubectl(*arguments, text=None):
    """Runs kubectl with the administrator's kubeconfig and returns what it printed."""
    done = subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, timeout=180)
    if done.returncode:
        raise ApiError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Cluster:
    """Get, list, apply, patch, delete, watch."""

    def __init__(self):
        self.proxy = subprocess.Popen(["kubectl", "proxy", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.proxy.stdout.readline()
        if "127.0.0.1:" not in line:
            raise ApiError(f"kubectl proxy: {line}")
        self.port = int(line.rsplit(":", 1)[1])

    def close(self):
        self.proxy.terminate()
        self.proxy.wait(10)

    def request(self, method, address, body=None, content_type="application/json"):
        """One call: its status and its body, parsed where it is JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, address, data, {"content-type": content_type})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text.startswith(("{", "[")) else text

    def expect(self, method, address, body=None, content_type="application/json", also=()):
        """Like `request`, for calls that must succeed; `None` for a status in `also`."""
        status, answer = self.request(method, address, body, content_type)
        if status in also:
            return None
        if status >= 300:
            raise ApiError(f"{method} {address}: {status} {str(answer)[:500]}")
        return answer

    def get(self, resource, namespace=None, name=None):
        """An object, or `None` where there is none."""
        return self.expect("GET", path(resource, namespace, name), also=(404,))

    def list(self, resource, namespace=None, **query):
        """The items of a collection; keywords become the query, `labelSelector` for one."""
        address = path(resource, namespace) + ("?" + urllib.parse.urlencode(query) if query else "")
        return self.expect("GET", address)["items"]

    def apply(self, resource, manifest):
        """Server-side apply, as a person's `kubectl apply --server-side --force-conflicts` would."""
        metadata = manifest["metadata"]
        address = path(resource, metadata.get("namespace"), metadata["name"]) + "?fieldManager=tests&force=true"
        return self.expect("PATCH", address, manifest, "application/apply-patch+yaml")

    def patch(self, resource, namespace, name, change):
        """A JSON merge patch."""
        return self.expect("PATCH", path(resource, namespace, name) + "?fieldManager=tests", change, "application/merge-patch+json")

    def delete(self, resource, namespace, name):
        """Asks for deletion, the object last of all that it owns; one that is gone already is fine."""
        self.expect("DELETE", path(resource, namespace, name), {"propagationPolicy": "Foreground"}, also=(404,))


class Watch:
    """Sees every change of a collection the moment that it happens: `seen` holds (wall time, object)."""

    def __init__(self, cluster, resource, namespace):
        self.cluster = cluster
        self.address = path(resource, namespace) + "?watch=true"
        self.seen = []
        self.stopped = False
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        while not self.stopped:
            connection = http.client.HTTPConnection("127.0.0.1", self.cluster.port, timeout=600)
            try:
                connection.request("GET", self.address)
                for line in connection.getresponse():
                    event = json.loads(line)
                    if event["type"] != "ERROR":
                        self.seen.append((time.time(), event["object"]))
            except (OSError, http.client.HTTPException, ValueError):
                pass  # the server ends every watch after a while; the next one begins with the state as it is
            finally:
                connection.close()

    def first(self, name, condition, since=0.0):
        """The first (wall time, object) whose name begins so and that fulfilled a condition; `None` = not yet."""
        for at, thing in list(self.seen):
            if at >= since and thing["metadata"]["name"].startswith(name) and condition(thing):
                return at, thing
        return None

    def stop(self):
        self.stopped = True
