"""Dry run, for an account that may patch and for one that may not."""

import alertmanager
import incidents
import live
from trial import trial
from waiting import check
from workloads import GOOD_WEB, MISSING_WEB, web

MAY, MAY_NOT = "ripcord-t4", "ripcord-t4-reader"
NAME = "t4-web"


@trial(4, "dry run shows the diff and moves nothing", good=[web(MAY, NAME), web(MAY_NOT, NAME)], namespaces=[MAY, MAY_NOT])
def dry_run(run, scene):
    reader = run.reader(MAY_NOT)
    for namespace, kubeconfig, validated_by in ((MAY, None, "server"), (MAY_NOT, reader, "client")):
        scene.watching(namespace, NAME)
        live.wait_proven(run, namespace, NAME)
        # the mode is left out: dry-run is what it is unless said
        instance = scene.instance(namespace, [namespace], kubeconfig=kubeconfig, mode=None).start()
        run.cluster.apply("deployments", web(namespace, NAME, image=MISSING_WEB))
        pod = live.wait_for_failing_pod(run, namespace, NAME)
        before = live.deployment(run, namespace, NAME)
        status = alertmanager.post(instance.port, alertmanager.group(alertmanager.pod_alert(pod, "web")), run.token)
        check(status == 200, f"the alert was answered with {status}")
        incident = incidents.wait_closed(run, namespace, NAME, "DryRun", 120)
        incidents.check_diff(incident, MISSING_WEB, GOOD_WEB)
        plan = incidents.status(incident).get("plan", {})
        check(plan.get("validatedBy") == validated_by, f"validated by {plan.get('validatedBy')!r}, not {validated_by!r}: {plan}")
        check(not incidents.status(incident).get("applied"), "a dry run recorded a write")
        after = live.deployment(run, namespace, NAME)
        check(after["metadata"]["generation"] == before["metadata"]["generation"], "the workload's generation moved")
        check(live.writes(run, namespace) == {after["metadata"]["uid"]: (namespace, NAME, 2, None, [])}, f"something was written: {live.writes(run, namespace)}")
