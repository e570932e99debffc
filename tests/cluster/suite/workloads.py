"""The Deployments of the tests, as manifests. `RUN` goes into every template, so that no revision is one of an earlier run's."""

import time

GOOD_WEB = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1"
MISSING_WEB = "ghcr.io/vlrrbn/lab30-web-metrics:does-not-exist"
GOOD_REDIS = "redis:7-alpine"
MISSING_REDIS = "redis:does-not-exist"
LABEL = "ripcord-tests"
RUN = format(int(time.time()), "x")


def web(namespace, name, image=GOOD_WEB, env=None, recreate=False):
    """The lab's web service: it answers `/health`, and refuses to start when REDIS_PORT is no number."""
    container = {
        "name": "web",
        "image": image,
        "env": [{"name": key, "value": value} for key, value in sorted((env or {}).items())],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "initialDelaySeconds": 1, "periodSeconds": 2},
    }
    return _deployment(namespace, name, container, recreate)


def redis(namespace, name, image=GOOD_REDIS, args=None, recreate=False):
    """The lab's redis."""
    container = {
        "name": "redis",
        "image": image,
        "readinessProbe": {"tcpSocket": {"port": 6379}, "initialDelaySeconds": 1, "periodSeconds": 2},
    }
    if args:
        container["args"] = args
    return _deployment(namespace, name, container, recreate)


def _deployment(namespace, name, container, recreate):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: "true"}},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate" if recreate else "RollingUpdate"},
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name, "run": RUN}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 2},
            },
        },
    }
