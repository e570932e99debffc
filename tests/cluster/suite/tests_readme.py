"""From nothing to a repaired incident, by Ripcord as a pod of the cluster, word for word as the README has it."""

import re
import subprocess

import audit
import incidents
import installed
import live
import readme
from cluster import Watch, kubectl
from trial import trial
from waiting import check, wait_until

REDIS = "lab30-redis"
# the rules promise 50 s (deploy/monitoring/rules.yaml); the rest is for a machine that does other things too
WEBHOOK_SECONDS = 60
SIZES = re.compile(r"([0-9.]+ MiB) to pull, ([0-9.]+ MiB) unpacked")


@trial(14, "readme: from nothing, its commands install Ripcord, which shows a dry run and then repairs lab30-redis", installed=True)
def the_readme(run, scene):
    followed(run, scene)


def followed(run, scene):
    """The installation at the end of the README's steps; whoever needs it first takes them."""
    scene.watching("lab30", REDIS)
    first = run.installation is None
    if first:
        run.installation = installed.Installation(run)
    scene.instances.append(run.installation)
    if first:
        follow(run, run.installation)
        run.installation.complete = True
    check(run.installation.complete, "the README's steps did not lead to an installation: see the first failure")
    return run.installation


def follow(run, installation):
    image, overlay, everything, alertmanager, rules, look_at, act = steps()
    # what the README takes for granted: the namespace that is watched, and that of the monitoring
    run.cluster.apply("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring"}})
    installation.remove()
    pushed = shell(installation, image.blocks)
    run.measured["installed"] = [("image: to pull, unpacked", ", ".join(SIZES.search(pushed).groups()))]
    shell(installation, overlay.blocks)
    installation.edit()
    shell(installation, everything.blocks)
    token, configuration = alertmanager.blocks
    shell(installation, [token])
    installation.paste(configuration)
    (scraped,) = rules.blocks
    installation.load_rules(scraped)
    check_serving(run, installation)
    run.measured["checked"] = shell(installation, look_at.blocks)

    break_it, look, enforce = act.blocks
    dry_run(run, installation, break_it, look)
    repaired(run, installation, enforce)
    told_by_the_command(run)
    installation.rig.check_used()


def told_by_the_command(run):
    """`ripcord incidents` lists both, and tells each as a story in 80 columns."""

    def ripcord(*arguments):
        done = subprocess.run([str(run.binary), "incidents", "-n", "lab30", *arguments], capture_output=True, text=True, timeout=30)
        check(done.returncode == 0, f"incidents {arguments} ends with {done.returncode}: {done.stderr}")
        return done.stdout

    table = ripcord().splitlines()
    check(table[0].split()[:3] == ["NAME", "WORKLOAD", "CAUSE"], f"no table: {table}")
    names = [name.removeprefix("incident.ripcord.dev/") for name in ripcord("-o", "name").split()]
    outcomes = {}
    for name in names:
        story = ripcord(name)
        check(max(len(line) for line in story.splitlines()) <= 80, f"wider than 80 columns:\n{story}")
        check("CrashOnStart" in story and "decision" in story and "timeline" in story, f"no story:\n{story}")
        outcomes[name] = next(word for word in ("DryRun", "Recovered") if f"Closed: {word}" in story)
    check(sorted(outcomes.values()) == ["DryRun", "Recovered"], f"the stories end as {outcomes}")
    missing = subprocess.run([str(run.binary), "incidents", "nobody", "-n", "lab30"], capture_output=True, text=True, timeout=30)
    check(missing.returncode == 4 and "not found" in missing.stderr, f"of one that is not there it says {missing}")


def steps():
    found = readme.steps()
    titles = [step.title for step in found]
    expected = ["An image.", "Your overlay.", "The webhook's token, then everything", "Alertmanager.", "Alert rules", "Look at it", "A dry run, then the real thing."]
    check(titles == expected, f"the README's steps are {titles}; this test follows {expected}")
    return found


def shell(installation, blocks):
    return "".join(readme.run(installation.rig.apply(block)) for block in blocks)


def check_serving(run, installation):
    """It runs from the image of this commit, under an account of its own, and Prometheus has its series."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=readme.ROOT, capture_output=True, text=True, check=True).stdout.strip()
    wait_until("its Service answers", lambda: installation.get("/-/ready")[0] == 200, 30)
    check(installation.total("ripcord_build_info", revision=commit) == 1, f"it is not of commit {commit}: {installation.get('/metrics')[1][:300]}")
    pod = installation.pod()
    check(pod["spec"]["containers"][0]["image"].startswith(installed.PULLED), f"it runs from {pod['spec']['containers'][0]['image']}")
    check(pod["spec"]["serviceAccountName"] == "ripcord", f"it runs as {pod['spec']['serviceAccountName']}")
    wait_until("its series are in Prometheus", lambda: run.prometheus.query('ripcord_build_info{job="ripcord"}'), 60)


def dry_run(run, installation, break_it, look):
    """The incident shows the diff, and nothing is written."""
    live.wait_proven(run, "lab30", REDIS)
    live.wait_calm(run, "lab30", REDIS)
    pods = Watch(run.cluster, "pods", "lab30")
    try:
        shell(installation, [break_it])
        incident = incidents.wait_closed(run, "lab30", REDIS, "DryRun", 180)
        backed_off, _ = pods.first(f"{REDIS}-", live.backing_off)
    finally:
        pods.stop()
    told(run, REDIS, incident, backed_off)
    seen = shell(installation, [look])
    check("DryRun" in seen and "CrashOnStart" in seen, f"`kubectl get` and `describe` don't show the dry run:\n{seen}")
    check("9090" in incidents.status(incident)["diff"], f"the diff does not show the arguments:\n{incidents.status(incident)['diff']}")
    check(live.generation(run, "lab30", REDIS) == 2, "the dry run wrote to the workload")
    check(live.action(live.deployment(run, "lab30", REDIS)) is None, "the dry run left its mark on the workload")


def told(run, name, incident, backed_off):
    """Measures the way of the news: from the first back-off, by the shipped rules, to the webhook."""
    alert = incidents.status(incident)["alerts"][0]
    received = live.parse_time(alert["receivedAt"]) - backed_off
    run.measured["installed"].append((f"{name}: first back-off to the webhook's arrival, by the shipped rules", f"{received:.1f} s"))
    check(received <= WEBHOOK_SECONDS, f"the webhook came {received:.1f} s after the first back-off: {alert}")


def repaired(run, installation, enforce):
    """With leave to act, the pod repairs it, as its own account."""
    shell(installation, [enforce])
    incident = incidents.wait_for(run, "lab30", REDIS, "is closed", lambda now: now.get("phase") == "Closed", 240, already=1)
    incidents.check_recovered(incident)
    check(incidents.status(incident)["action"] == "rolloutUndo", incidents.standing(incident))
    incidents.check_announced(run, incident, "RemediationStarted", "RemediationSucceeded")
    live.wait_rolled_out(run, "lab30", REDIS, seconds=5)
    undone = live.deployment(run, "lab30", REDIS)
    check("args" not in undone["spec"]["template"]["spec"]["containers"][0], f"the arguments are still there: {undone['spec']['template']}")
    check(undone["metadata"]["generation"] == 3, f"good, bad and undone make generation 3, not {undone['metadata']['generation']}")
    asked = [event for event in audit.requests(installation.began) if audit.right(event) == (("apps", "deployments"), "patch")]
    written = [event for event in asked if event["objectRef"]["name"] == REDIS and "dryRun" not in event["requestURI"]]
    check(len(written) == 1, f"the API server knows of {len(written)} writes: {written}")
    by = (written[0]["user"]["username"], audit.pod(written[0]))
    expected = ("system:serviceaccount:ripcord:ripcord", installation.pod()["metadata"]["name"])
    check(by == expected, f"written by {by}, not {expected}")
    installation.incidents[REDIS] = incident
