"""However often and to whomever the news comes: one incident, one action."""

from concurrent.futures import ThreadPoolExecutor

import alertmanager
import incidents
import live
from trial import trial
from waiting import check
from workloads import MISSING_WEB, web

ALONE, TWINS = "ripcord-t6", "ripcord-t6-twins"
NAME = "t6-web"


@trial(
    6, "repeated deliveries, and two instances side by side, make one incident and one action",
    good=[web(ALONE, NAME), web(TWINS, NAME)], namespaces=[ALONE, TWINS],
)
def once(run, scene):
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(repeated, run, scene, ALONE, 1), pool.submit(repeated, run, scene, TWINS, 2)]:
            done.result()


def repeated(run, scene, namespace, how_many):
    """Breaks a workload and posts each delivery twice, then the whole group again, to every one of so many instances."""
    scene.watching(namespace, NAME)
    instances = [scene.instance(f"{namespace}-{number}", [namespace], installation=namespace) for number in range(how_many)]
    live.wait_proven(run, namespace, NAME)
    for instance in instances:
        instance.start()
    run.cluster.apply("deployments", web(namespace, NAME, image=MISSING_WEB))
    pod = live.wait_for_failing_pod(run, namespace, NAME)
    by_pod = alertmanager.pod_alert(pod, "web")
    by_deployment = alertmanager.alert("Lab30DeploymentNotReady", namespace=namespace, deployment=NAME)
    rollout = alertmanager.alert("Lab30RolloutUnavailable", namespace=namespace, deployment=NAME)
    deliver(run, instances, alertmanager.group(by_pod), 2)
    deliver(run, instances, alertmanager.group(by_deployment), 2)
    deliver(run, instances, alertmanager.group(by_pod, by_deployment, rollout), 2)
    incident = incidents.wait_closed(run, namespace, NAME, "Recovered")
    # Alertmanager's repeat_interval may end after the repair
    deliver(run, instances, alertmanager.group(by_pod, by_deployment, rollout), 2)

    incidents.check_recovered(incident)
    recorded = incidents.status(incident)["alerts"]
    check(len(recorded) == 3, f"three alerts were posted, {len(recorded)} are recorded: {recorded}")
    check(len(incidents.of(run, namespace, NAME)) == 1, f"more than one incident in {namespace}")
    check(live.generation(run, namespace, NAME) == 3, f"good, bad and undone make generation 3, not {live.generation(run, namespace, NAME)}")
    for instance in instances:
        check(instance.running(), f"{instance.name} has ended:\n{instance.tail()}")


def deliver(run, instances, payload, times):
    """Posts to all instances at once."""
    with ThreadPoolExecutor(len(instances) * times) as pool:
        posts = [pool.submit(alertmanager.post, instance.port, payload, run.token) for instance in instances for _ in range(times)]
        answers = [post.result() for post in posts]
    check(set(answers) == {200}, f"deliveries were answered with {answers}")
