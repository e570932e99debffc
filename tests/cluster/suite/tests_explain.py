"""`ripcord explain` from a laptop: its own configuration is the cluster's, and it writes nothing."""

import json
import os
import subprocess

import live
from cluster import kubectl
from run import LAB
from tests_readme import followed
from trial import trial
from waiting import NotYet, check, wait_until

NAMESPACE, WIDTH = "lab30", 80
BROKEN = {"deployment/image-not-found": "image-not-found", "statefulset/sts-image-not-found": "sts-image-not-found"}


@trial(23, "explain: from a laptop, with the cluster's configuration, in 80 columns, by its exit codes, and offline", installed=True)
def explained(run, scene):
    followed(run, scene)
    broken = "\n---\n".join((LAB / "faults" / f"{name}.yaml").read_text().replace("namespace: faults", f"namespace: {NAMESPACE}") for name in BROKEN.values())
    generations = {name: live.generation(run, NAMESPACE, name) for name in ("lab30-redis", "lab30-web")}
    explain(run, 0, "deploy/lab30-redis")
    explain(run, 2, "deploy/nowhere")
    try:
        kubectl("apply", "-f", "-", text=broken)
        for name in BROKEN.values():
            live.wait_for_failing_pod(run, NAMESPACE, name)
        for workload in BROKEN:
            wait_until(f"{workload} is held", lambda: held(run, workload), 60, every=2)
        # nothing is known without Prometheus, and that is not the same as nothing being wrong
        explain(run, 4, "deployment/image-not-found", prometheus="http://127.0.0.1:1")
        recorded = json.loads(explain(run, 3, "deployment/image-not-found", "-o", "json"))
        causes = [entry["cause"] for entry in recorded["status"]["diagnosis"]]
        check(causes == ["ImageNotFound"], f"its record says {causes}")
        file = run.folder / "explained.json"
        file.write_text(json.dumps(recorded))
        offline = subprocess.run([str(run.binary), "explain", "--file", str(file)], capture_output=True, text=True, timeout=30, env={"PATH": os.environ["PATH"]})
        check(offline.returncode == 3 and "ImageNotFound" in offline.stdout, f"offline it ends with {offline.returncode}: {offline.stdout}{offline.stderr}")
        after = {name: live.generation(run, NAMESPACE, name) for name in generations}
        check(after == generations, f"something was written: {generations}, then {after}")
    finally:
        kubectl("delete", "-f", "-", "--ignore-not-found", "--wait=false", text=broken)


def held(run, workload):
    """Its explanation, once the pull has failed twice."""
    done = asked(run, workload)
    if done.returncode != 3 or "ImageNotFound" not in done.stdout:
        raise NotYet(f"exit code {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def explain(run, code, *arguments, prometheus=None):
    """What it prints, after that exit code; a story is no wider than a terminal."""
    done = asked(run, *arguments, prometheus=prometheus)
    check(done.returncode == code, f"explain {arguments} ends with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
    if "-o" not in arguments:
        wide = [line for line in done.stdout.splitlines() if len(line) > WIDTH]
        check(not wide, f"wider than {WIDTH}: {wide}")
    return done.stdout


def asked(run, *arguments, prometheus=None):
    """`explain` with a person's own rights."""
    return subprocess.run(
        [str(run.binary), "explain", *arguments, "-n", NAMESPACE, "--prometheus-url", prometheus or run.prometheus.url],
        capture_output=True, text=True, timeout=60,
    )
