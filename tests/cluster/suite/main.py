"""Runs the tests that the command line names (all, if it names none) against the cluster that the environment names."""

import importlib
import pathlib
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import incidents
import installed
import measure
from cluster import kubectl
from report import Report, say
from run import HERE, Run
from trial import TRIALS, Scene
from waiting import Failed

AT_ONCE = 4


def chosen(words):
    """The tests that the words name, in their order; a word that names none is a mistake."""
    for file in sorted(HERE.glob("tests_*.py")):
        importlib.import_module(file.stem)
    TRIALS.sort(key=lambda one: one.number)
    unknown = [word for word in words if not any(one.matches(word) for one in TRIALS)]
    if not installed.on_the_rig():
        TRIALS[:] = [one for one in TRIALS if not one.rig]
        say("the tests of an installation in the cluster, of its registry and of the lab's faults are left out: they need the rig")
    if unknown:
        sys.exit(f"no test is called {unknown}; there are:\n" + "\n".join(f"  {one.number:02} {one.title}" for one in TRIALS))
    return [one for one in TRIALS if not words or any(one.matches(word) for word in words)]


def perform(run, report, one):
    """One test, its report line, and on failure what the daemon and the incidents say."""
    began, scene, problem = time.monotonic(), Scene(run), None
    try:
        one.function(run, scene)
        scene.close()
    except Failed as failure:
        problem = str(failure)
    except Exception:  # a broken test must not end the others
        problem = traceback.format_exc()
    report.add(one, time.monotonic() - began, problem, evidence(run, scene) if problem else "")
    scene.kill()


def outside(run, report, trials, of_all):
    """The tests with Ripcord as a process of the host: those that run alone, then the others side by side."""
    if not trials:
        return
    for one in (one for one in trials if one.alone):
        perform(run, report, one)
    measure.bare_calls(run)
    if len(trials) < of_all:
        # the last tests need the lab's workloads as they are before the first incident; here they earn `provenFor` beside others
        run.fresh_lab()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda one: perform(run, report, one), (one for one in trials if not one.alone)))
    measure.main_instance(run)
    run.main.stop()


def evidence(run, scene):
    """The incidents of a test's workloads, and the logs of its instances."""
    shown = []
    for namespace, name in scene.incidents_of:
        try:
            found = incidents.of(run, namespace, name)
        except Exception as error:
            shown.append(f"--- incidents of {namespace}/{name}: {error}")
            continue
        for one in found:
            shown.append(kubectl("get", "incidents", "-n", namespace, one["metadata"]["name"], "-o", "yaml"))
        if not found:
            shown.append(f"--- no incident of {namespace}/{name}")
    for instance in scene.instances or filter(None, [run.main]):
        shown.append(f"--- log of {instance.name}:\n{instance.tail()}")
    return "\n".join(shown)


def main(arguments):
    binary, *words = arguments
    trials = chosen(words)
    namespaces = sorted({name for one in trials for name in one.namespaces} | {"lab30", "faults"})
    report, run = Report(), Run(pathlib.Path(binary).resolve())
    began = time.monotonic()
    try:
        run.prepare(trials)
        say(f"the cluster is prepared ({time.monotonic() - began:.0f} s); logs and configurations: {run.folder}")
        outside(run, report, [one for one in trials if not one.installed], len(trials))
        for one in (one for one in trials if one.installed):
            perform(run, report, one)
        measure.finish(run)
    except Exception:  # the closing line comes last whatever happened
        report.broken = True
        say(f"the run could not go on:\n{traceback.format_exc()}{run.main.tail() if run.main else ''}")
    finally:
        run.close(namespaces)
    say(f"the whole run took {time.monotonic() - began:.0f} s")
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
