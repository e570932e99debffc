"""The lab's incidents the other way round, through its alert rules and the real Alertmanager."""

import incidents
import live
from trial import trial
from waiting import check
from workloads import GOOD_REDIS, MISSING_REDIS, redis, web

REDIS, WEB = "t3-redis", "t3-web"


@trial(3, "a bad image on redis and bad environment in web's template are undone", good=[redis("faults", REDIS), web("faults", WEB)])
def the_other_way_round(run, scene):
    scene.watching("faults", REDIS, WEB)
    for name in (REDIS, WEB):
        live.wait_proven(run, "faults", name)
        live.wait_calm(run, "faults", name)
        incidents.forget(run, "faults", name)
    run.cluster.apply("deployments", redis("faults", REDIS, image=MISSING_REDIS))
    run.cluster.apply("deployments", web("faults", WEB, env={"REDIS_PORT": "not-a-number"}))

    pulling = incidents.wait_closed(run, "faults", REDIS, "Recovered")
    incidents.check_recovered(pulling)
    check(incidents.status(pulling)["cause"] == "ImageNotFound", incidents.standing(pulling))
    incidents.check_evidence(pulling, None, "ImagePullBackOff", "not found")
    incidents.check_diff(pulling, MISSING_REDIS, GOOD_REDIS)
    check(live.image(live.deployment(run, "faults", REDIS)) == GOOD_REDIS, "redis has not its old image")

    crashing = incidents.wait_closed(run, "faults", WEB, "Recovered")
    incidents.check_recovered(crashing)
    check(incidents.status(crashing)["cause"] == "CrashOnStart", incidents.standing(crashing))
    incidents.check_evidence(crashing, "Logs", "invalid REDIS_PORT")
    # environment appears by name only: a value may be a password
    check("REDIS_PORT" in incidents.status(crashing)["diff"], f"the diff does not name REDIS_PORT:\n{incidents.status(crashing)['diff']}")
    check("not-a-number" not in incidents.status(crashing)["diff"], "the diff shows an environment variable's value")
    for name in (REDIS, WEB):
        live.wait_rolled_out(run, "faults", name, seconds=5)
        undone = live.deployment(run, "faults", name)
        check(undone["metadata"]["generation"] == 3, f"{name} was written to more than once: generation {undone['metadata']['generation']}")
