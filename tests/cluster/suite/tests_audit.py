"""What Ripcord did at the API server, against what its Role lets it do."""

import audit
from tests_readme import followed
from trial import trial
from waiting import check

# what every account may ask, and Ripcord does; all else must be in the Role
EVERYBODY = {(("authorization.k8s.io", "selfsubjectaccessreviews"), "create")}
PATHS = ("/version", "/openapi/v3", "/api")
# (group, resource), verb that no run needs, with the reason why it is granted
UNUSED = {}


@trial(17, "audit: it used every verb that its Role grants, and no other", installed=True)
def verbs(run, scene):
    installation = followed(run, scene)
    everybody = audit.requests(installation.began)
    events = [event for event in everybody if audit.of_the_daemon(event)]
    check(len(events) > 50, f"only {len(events)} requests of the daemon are in the audit log")
    others = {event["userAgent"] for event in everybody} - {event["userAgent"] for event in events}
    check(all(agent.endswith(" (check)") for agent in others), f"its account was used by {sorted(others)}")
    refused = [event for event in events if event.get("responseStatus", {}).get("code") in (401, 403)]
    check(not refused, f"{len(refused)} requests were refused, the first: {refused[:1]}")
    elsewhere = {event["requestURI"].split("?")[0] for event in events if audit.right(event) is None}
    check(all(path.startswith(PATHS) for path in elsewhere), f"it asked for paths beside resources: {sorted(elsewhere)}")

    used = {audit.right(event) for event in events} - {None} - EVERYBODY
    granted = rights(run.cluster.get("clusterroles", None, "ripcord"))
    check(used <= granted, f"used, and not in the Role: {sorted(used - granted)}")
    idle = granted - used
    check(idle == set(UNUSED), f"in the Role, and never used: {sorted(idle)}; known and explained: {sorted(UNUSED)}")
    namespaces = {event["objectRef"].get("namespace") for event in events if audit.right(event) in granted}
    check(namespaces == {"lab30"}, f"it asked in {namespaces}")


def rights(role):
    """Each (group, resource), verb of a Role."""
    return {
        ((group, resource), verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
