"""What the API server was asked in Ripcord's name: the rig's audit log (tests/cluster/rig/audit.yaml)."""

import json
import os
import pathlib
import re

from live import parse_time
from waiting import check

POD = "authentication.kubernetes.io/pod-name"


def requests(since):
    """Each request that Ripcord's pods have made since then; the tokens that tests make for themselves name no pod."""
    file = pathlib.Path(os.environ["RIG_STATE"]) / "log" / "audit.log"
    check(file.exists(), f"{file} is missing: this rig was started by an older script, `rig down` ends it")
    events = [json.loads(line) for line in file.read_text().splitlines()]
    return [event for event in events if parse_time(event["requestReceivedTimestamp"]) >= since and POD in event["user"].get("extra", {})]


def right(event):
    """(group, resource), verb: what a Role would have to grant; `None` for a path that is no resource."""
    asked = event.get("objectRef")
    if not asked:
        return None
    resource = "/".join(part for part in (asked["resource"], asked.get("subresource")) if part)
    return (asked.get("apiGroup", ""), resource), event["verb"]


def of_the_daemon(event):
    """Whether the daemon asked; what a person runs in its pod (`check --live`) says its command's name."""
    return re.fullmatch(r"ripcord/[0-9.]+", event["userAgent"]) is not None


def pod(event):
    return event["user"]["extra"][POD][0]
