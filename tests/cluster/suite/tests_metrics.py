"""Its metrics, as Prometheus and promtool read them."""

import subprocess

from trial import trial
from waiting import check, wait_until


@trial(10, "Prometheus scrapes it and promtool finds no fault with its metrics")
def metrics(run, scene):
    wait_until("the target is up", lambda: [value for _, value in run.prometheus.query('up{job="responder"}')] == [1.0], 30)
    wait_until("its series are in Prometheus", lambda: run.prometheus.query("ripcord_build_info"), 30)
    status, text = run.main.get("/metrics")
    check(status == 200, f"/metrics: {status}")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    check(done.returncode == 0, f"promtool check metrics: {done.stdout}{done.stderr}")
    # touched at the start, so that rate() sees the first one
    for name in ("ripcord_alerts_received_total", "ripcord_alerts_skipped_total", "ripcord_decisions_total", "ripcord_remediations_total", "ripcord_incidents"):
        check(f"\n{name}" in text, f"{name} is missing")
