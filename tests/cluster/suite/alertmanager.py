"""Alerts posted by hand, in Alertmanager's shape (webhook version 4), and what the real Alertmanager holds."""

import http.client
import json
import urllib.request
from datetime import datetime, timezone


def now():
    """The time as Alertmanager writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def fingerprint(labels):
    """Prometheus' hash of a label set (FNV-1a over sorted names and values), as Alertmanager sends it."""
    value = 14695981039346656037
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            value = ((value ^ byte) * 1099511628211) % 2**64
    return f"{value:016x}"


def alert(name, starts_at=None, status="firing", **labels):
    """One alert; its labels besides `alertname` are the keywords."""
    labels = {"alertname": name, "severity": "warning", "service": "lab30", "job": "kube-state-metrics", **labels}
    return {
        "status": status, "labels": labels, "annotations": {"summary": "posted by a test"}, "startsAt": starts_at or now(),
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else now(),
        "generatorURL": "http://127.0.0.1:9090/graph", "fingerprint": fingerprint(labels),
    }


def pod_alert(pod, container, name="Lab30PodWaiting"):
    """What a rule over kube-state-metrics' pod series says."""
    metadata = pod["metadata"]
    return alert(name, namespace=metadata["namespace"], pod=metadata["name"], uid=metadata["uid"], container=container)


def group(*alerts):
    """One delivery."""
    first = alerts[0]["labels"]
    labels = {key: first[key] for key in ("alertname", "namespace") if key in first}
    return {
        "version": "4", "groupKey": "{}:" + json.dumps(labels), "truncatedAlerts": 0, "receiver": "responder",
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "groupLabels": labels, "commonLabels": labels, "commonAnnotations": {}, "externalURL": "http://127.0.0.1:9093", "alerts": list(alerts),
    }


def resolved(one):
    """The same alert, resolved."""
    return {**one, "status": "resolved", "endsAt": now()}


def post(port, body, token=None):
    """Posts a payload (or raw bytes) to the Ripcord on that port; returns the status."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", "user-agent": "Alertmanager/0.25.0", "content-length": str(len(data))}
    if token:
        headers["authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest("POST", "/api/v1/alerts", skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            connection.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may refuse a body before it has read all of it
        return connection.getresponse().status
    finally:
        connection.close()


def holds(url, name, namespace):
    """Whether the real Alertmanager holds an active alert of that name about that namespace."""
    with urllib.request.urlopen(f"{url.rstrip('/')}/api/v2/alerts?active=true", timeout=10) as answer:
        labels = [one["labels"] for one in json.load(answer)]
    return any(one.get("alertname") == name and one.get("namespace") == namespace for one in labels)
