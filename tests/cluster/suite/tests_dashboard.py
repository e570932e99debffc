"""The dashboard and the alert rules, with what the runs have left in Prometheus."""

import json
import re
import time

import incidents
import live
from cluster import kubectl
from readme import ROOT
from run import LAB
from tests_upgrade import both_repaired
from trial import trial
from waiting import Failed, NotYet, check, wait_until

MONITORING = ROOT / "deploy" / "monitoring"
# kinds that the lab does not have, and an init container: each has a panel, and Ripcord is told of each
OTHERS = ("sts-image-not-found", "ds-image-not-found", "init-crash")
# what Grafana puts in: four scrape intervals, the time range, all namespaces
RATE_SECONDS, STEP_SECONDS = 60, 15
# a panel shows nothing while all is well; asked for here is the series, whatever its value. (`>= 0` keeps what is no number out: it stays.)
FILTER = re.compile(r" > 0$")


@trial(16, "dashboard: every query returns a series, every rule is evaluated, both incidents are marked", installed=True)
def dashboard(run, scene):
    installation = both_repaired(run, scene)
    run.measured["installed"] += [
        ("memory in the pod: resident, by the kubelet", f"{mebibytes(installation.total('process_resident_memory_bytes'))}, {mebibytes(installation.working_set())}"),
    ]
    others = "\n---\n".join((LAB / "faults" / f"{name}.yaml").read_text().replace("namespace: faults", "namespace: lab30") for name in OTHERS)
    kubectl("apply", "-f", "-", text=others)
    document = json.loads((MONITORING / "dashboard" / "dashboard.json").read_text())
    try:
        everything = list(expressions(document["panels"])) + [(one["name"], one["expr"]) for one in annotations(document)] + list(variables(document))
        check(len(everything) > 40, f"only {len(everything)} queries were found")
        wait_until("every query of the dashboard returns a series", lambda: none_empty(run, installation, everything), 90, every=3)
        check_rules(run)
        check_marked(run, installation, annotations(document))
        for name in OTHERS:
            incidents.wait_for(run, "lab30", name, "is diagnosed", lambda now: now.get("diagnosis"), 120)
    finally:
        kubectl("delete", "-f", "-", "--ignore-not-found", "--wait=false", text=others)


def mebibytes(number):
    return f"{number / 1024 / 1024:.1f} MiB"


def expressions(panels):
    """(panel, query) of each panel, those within rows too."""
    for panel in panels:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
        yield from expressions(panel.get("panels", []))


def annotations(document):
    return [one for one in document["annotations"]["list"] if "expr" in one]


def variables(document):
    """What fills the choices above the panels, `label_values(metric, label)`, as a query."""
    for one in document["templating"]["list"]:
        if one["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", one["definition"]).groups()
            yield one["name"], f'count by ({label}) ({metric}{{{label}!=""}})'


def filled_in(query, seconds):
    """The query as Grafana sends it."""
    for name, value in (("$__rate_interval", f"{RATE_SECONDS}s"), ("$__range", f"{seconds}s"), ("$namespace", ".+")):
        query = query.replace(name, value)
    check("$" not in query, f"a variable is left: {query}")
    return query


def none_empty(run, installation, everything):
    """Over the time of the installation, for a panel is looked at later; all that are empty are named."""
    now = time.time()
    empty = []
    for title, query in everything:
        asked = filled_in(FILTER.sub("", query), int(now - installation.began))
        if not run.prometheus.query_range(asked, installation.began, now, STEP_SECONDS):
            empty.append(f"{title}: {asked}")
    if empty:
        raise NotYet("\n" + "\n".join(empty))
    return True


def check_rules(run):
    """Prometheus evaluates every shipped rule without an error."""
    shipped = set(re.findall(r"^ *- alert: (\w+)$", (MONITORING / "rules.yaml").read_text(), re.MULTILINE))
    check(len(shipped) > 10, f"only {shipped} are shipped")

    def evaluated():
        rules = [rule for group in run.prometheus.ask("rules")["groups"] for rule in group["rules"]]
        if {rule["name"] for rule in rules} != shipped:
            raise Failed(f"loaded are {sorted(rule['name'] for rule in rules)}, not {sorted(shipped)}")
        if not all(rule["health"] == "ok" for rule in rules):
            raise NotYet(str([(rule["name"], rule["health"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]))
        return True

    wait_until("every rule has been evaluated", evaluated, 60)


def check_marked(run, installation, marks):
    """Each incident's end is on the dashboard where it happened, within a scrape and a rate's reach; and redis' write (the process that wrote to
    web was upgraded soon after, perhaps before a scrape)."""
    marks = {one["name"]: one["expr"] for one in marks}
    check_mark(run, "Writes", marks["Writes"], incidents.status(installation.incidents["lab30-redis"])["applied"][0]["appliedAt"], {"operation": "patch"})
    recovered = {"action": "rolloutUndo", "outcome": "Recovered", "mode": "enforce"}
    for name in ("lab30-redis", "lab30-web"):
        check_mark(run, "Remediations", marks["Remediations"], incidents.status(installation.incidents[name])["timeline"][-1]["at"], recovered)


def check_mark(run, name, query, at, expected):
    moment = live.parse_time(at)

    def marked():
        found = run.prometheus.query_range(filled_in(query, 0), moment, moment + RATE_SECONDS, STEP_SECONDS)
        if expected not in found:
            raise NotYet(f"from {at} on there is only {found}")
        return True

    wait_until(f"{name} are marked at {at}", marked, RATE_SECONDS + STEP_SECONDS)
