"""What the run measures, printed as a table at its end and written to the file that RIPCORD_RESULTS names."""

import contextlib
import os
import time

import bare
import incidents
import live
from cluster import Watch
from report import say
from waiting import wait_until

REQUESTS = "ripcord_dependency_request_duration_seconds_count"


class Measured:
    """One incident's times and requests; its test runs alone, so that all requests of the main instance are its own."""

    def __init__(self, run, namespace, workload):
        self.run, self.workload = run, workload
        self.deployments, self.pods = Watch(run.cluster, "deployments", namespace), Watch(run.cluster, "pods", namespace)
        self.began, self.before = time.time(), requests(run.main)
        self.at_patch = self.at_close = self.patched = self.received = self.failed = self.backed_off = None

    def wait_for_patch(self, seconds):
        """Until the write is seen on the workload; counts the requests made up to then."""
        wait_until("Ripcord patches the workload", self._patched, seconds, every=0.02)
        self.at_patch = requests(self.run.main)
        self.patched, _ = self._patched()

    def wait_for_failing_pod(self, seconds=120):
        """The name of the first pod that fails; a watch sees it however soon it is repaired."""
        return wait_until(f"a pod of {self.workload} fails", self._failing, seconds)[1]["metadata"]["name"]

    def _failing(self):
        return self.pods.first(f"{self.workload}-", live.failing, self.began)

    def _patched(self):
        return self.deployments.first(self.workload, live.action, self.began)

    def closed(self, incident):
        self.at_close = requests(self.run.main)
        self.received = live.parse_time(incidents.status(incident)["alerts"][0]["receivedAt"])
        self.failed, _ = self._failing()
        backed_off = self.pods.first(f"{self.workload}-", live.backing_off, self.began)
        self.backed_off = backed_off and backed_off[0]

    def rows(self):
        name = self.workload
        latency = self.patched - self.received - self.run.DWELL_SECONDS
        yield f"{name}: webhook's arrival to the accepted patch, the dwell ({self.run.DWELL_SECONDS} s) taken off", f"{latency:.2f} s"
        yield f"{name}: first failed pull or back-off to the webhook's arrival", f"{self.received - self.failed:.1f} s"
        lasted = f"{self.received - self.backed_off:.1f} s" if self.backed_off else "repaired before it backed off"
        yield f"{name}: first back-off to the webhook's arrival", lasted
        yield f"{name}: requests to the patch", difference(self.before, self.at_patch)
        yield f"{name}: requests to the close", difference(self.before, self.at_close)


@contextlib.contextmanager
def incident(run, namespace, workload):
    """Measures the incident that happens inside."""
    measured = Measured(run, namespace, workload)
    try:
        yield measured
        run.measured.setdefault("incidents", []).append(measured)
    finally:
        measured.deployments.stop()
        measured.pods.stop()


def requests(instance):
    """Requests so far, by dependency."""
    counted = {}
    for name, labels, value in instance.metrics():
        if name == REQUESTS:
            dependency = labels.get("dependency", "all")
            counted[dependency] = counted.get(dependency, 0) + int(value)
    return counted


def difference(before, after):
    return ", ".join(f"{dependency} {count - before.get(dependency, 0)}" for dependency, count in sorted(after.items()))


def bare_calls(run):
    """The bare calls, as soon as the lab's incidents are over: what runs beside them would be measured too."""
    run.measured["bare"] = bare.rows(run)


def main_instance(run):
    """The main instance, before it is stopped."""
    mib = 1024 * 1024
    run.measured["main"] = [
        ("resident memory at rest", f"{run.measured['rest'] / mib:.1f} MiB"),
        ("resident memory after the runs", f"{run.main.total('process_resident_memory_bytes') / mib:.1f} MiB"),
        ("release binary", f"{run.binary.stat().st_size / mib:.1f} MiB"),
        ("start to ready", f"{run.main.ready_seconds:.2f} s"),
    ]


def finish(run):
    """Prints the table."""
    rows = [row for measured in run.measured.get("incidents", []) for row in measured.rows()]
    for part in ("bare", "main", "installed"):
        rows += run.measured.get(part, [])
    table = "\n".join(["| measured | |", "| --- | --- |", *(f"| {what} | {value} |" for what, value in rows)])
    say(f"\n{table}\n")
    if os.environ.get("RIPCORD_RESULTS"):
        with open(os.environ["RIPCORD_RESULTS"], "w", encoding="utf-8") as file:
            file.write(table + "\n")
