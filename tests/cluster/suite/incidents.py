"""Ripcord's Incident objects: finding them, waiting for their phases, reading their story."""

from waiting import NotYet, check, wait_until


def of(run, namespace, workload):
    """The incidents of a workload, oldest first."""
    found = [one for one in run.cluster.list("incidents", namespace) if one["spec"]["workload"]["name"] == workload]
    return sorted(found, key=lambda one: one["metadata"]["creationTimestamp"])


def forget(run, namespace, workload):
    """Deletes a workload's incidents: what its own first start was alerted for is no part of a test."""
    for one in of(run, namespace, workload):
        run.cluster.delete("incidents", namespace, one["metadata"]["name"])
    wait_until(f"the incidents of {workload} are gone", lambda: not of(run, namespace, workload), 30)


def status(incident):
    return incident.get("status", {})


def standing(incident):
    """Where it stands, in one line."""
    now = status(incident)
    return f"{incident['metadata']['name']}: " + " ".join(f"{key}={now.get(key)!r}" for key in ("phase", "outcome", "reason", "cause", "action", "message"))


def wait_for(run, namespace, workload, what, condition, seconds, already=0):
    """The one incident of a workload beside `already` older ones, once its status fulfils the condition."""

    def fulfilled():
        found = of(run, namespace, workload)
        check(len(found) <= already + 1, f"{len(found)} incidents of {workload}, expected {already + 1}: {[standing(one) for one in found]}")
        if len(found) <= already:
            raise NotYet("no incident")
        newest = found[-1]
        if not condition(status(newest)):
            raise NotYet(standing(newest))
        return newest

    return wait_until(f"the incident of {workload} {what}", fulfilled, seconds)


def wait_closed(run, namespace, workload, outcome, seconds=240):
    """The one incident of a workload, closed with that outcome."""
    incident = wait_for(run, namespace, workload, f"is closed ({outcome})", lambda now: now.get("phase") == "Closed", seconds)
    check(status(incident).get("outcome") == outcome, f"outcome is not {outcome}: {standing(incident)}")
    return incident


def check_recovered(incident, actions=1):
    """What every recovered incident shows, whatever its cause."""
    now = status(incident)
    check(now.get("outcome") == "Recovered", f"not recovered: {standing(incident)}")
    applied = now.get("applied", [])
    check(len(applied) == actions, f"{len(applied)} writes, expected {actions}: {applied}")
    check(applied[-1]["result"] == "Recovered", f"the last write's result: {applied[-1]}")
    check(now.get("timeline"), "no timeline")
    check(now.get("verdict", {}).get("guards"), "no guard's outcome in the verdict")
    check(now.get("diff"), "no diff")


def check_evidence(incident, source, *words):
    """That a source is Known, and that it (or `None`: any source) said all these words."""
    facts = [fact for fact in status(incident).get("evidence", []) if source in (None, fact["source"]) and fact["state"] == "Known"]
    check(facts, f"nothing known from {source}: {status(incident).get('evidence')}")
    text = "\n".join(fact["text"] for fact in facts)
    missing = [word for word in words if word not in text]
    check(not missing, f"{source or 'the evidence'} does not say {missing}; it says:\n{text}")


def check_sources(incident):
    """That all four sources were asked, whatever they answered."""
    sources = {fact["source"] for fact in status(incident).get("evidence", [])}
    check(sources == {"Prometheus", "Pods", "Events", "Logs"}, f"evidence comes from {sorted(sources)}")


def check_diff(incident, removed, added):
    """That the diff changes exactly one line, from one with `removed` to one with `added`. A diff's headers (`---`, `+++`) are no changes."""
    lines = [line for line in status(incident).get("diff", "").splitlines() if not line.startswith(("---", "+++"))]
    minus = [line for line in lines if line.startswith("-")]
    plus = [line for line in lines if line.startswith("+")]
    exact = len(minus) == len(plus) == 1 and removed in minus[0] and added in plus[0]
    check(exact, f"the diff is not exactly {removed} -> {added}:\n{status(incident).get('diff')}")


def check_announced(run, incident, *reasons):
    """That Ripcord said these things in Events on the workload and on the Incident, where `kubectl describe` shows them."""
    found = run.cluster.list("events", incident["metadata"]["namespace"])
    for kind, uid in ((incident["spec"]["workload"]["kind"], incident["spec"]["workload"]["uid"]), ("Incident", incident["metadata"]["uid"])):
        name = incident["metadata"]["name"]
        said = {one["reason"] for one in found if one["involvedObject"].get("uid") == uid and one["metadata"]["name"].startswith(f"{name}.")}
        missing = set(reasons) - said
        check(not missing, f"no Event {sorted(missing)} on the {kind}; there are {sorted(said)}")
