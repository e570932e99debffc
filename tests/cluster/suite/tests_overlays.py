"""Each overlay of deploy/ is taken by a real API server, and `one-namespace` gives the account all that Ripcord needs, and nothing elsewhere."""

import contextlib
import json

from cluster import kubectl
from readme import ROOT
from tests_check import ACCOUNT, Asked, findings
from tests_readme import followed
from trial import trial
from waiting import check

OVERLAYS = ROOT / "deploy" / "overlays"
MONITORING = ROOT / "deploy" / "monitoring"
RIGHTS = {"ClusterRole", "Role", "RoleBinding"}


@trial(19, "overlays: the API server takes each, and the Role of one namespace is enough there and gives nothing elsewhere", installed=True)
def overlays(run, scene):
    installation = followed(run, scene)
    # what the overlay takes for granted, as lab30
    run.cluster.apply("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    names = sorted(folder.name for folder in OVERLAYS.iterdir())
    check(len(names) >= 4, f"the overlays are {names}")
    try:
        for name in set(names) - {"one-namespace"}:
            taken(name)
    finally:
        kubectl("delete", "namespace", "shop", "--wait=false")
    kubectl("apply", "-k", str(MONITORING / "dashboard"), "--dry-run=server")
    # for these kinds the Prometheus operator's CRDs are needed, which the rig has not
    rendered = {one["kind"] for one in objects(MONITORING)}
    check(rendered == {"PrometheusRule", "ServiceMonitor"}, f"deploy/monitoring has {sorted(rendered)}")

    with rights_of("one-namespace", instead_of="enforce"):
        taken("one-namespace")
        _, document = Asked(run, installation).ask()
        rights = [one for one in findings(document) if "it may do in lab30" in one["description"]]
        check([one["result"] for one in rights] == ["success"], f"its Role is not enough: {json.dumps(rights, indent=1)}")
        for verb, resource, namespace in (("list", "pods", "shop"), ("patch", "apps/deployments", "shop"), ("get", "secrets", "lab30")):
            check(not may(run, verb, resource, namespace), f"it may {verb} {resource} in {namespace}")


def taken(name):
    answer = kubectl("apply", "-k", str(OVERLAYS / name), "--dry-run=server")
    check("deployment.apps/ripcord" in answer, f"{name} has no Ripcord:\n{answer}")


def may(run, verb, resource, namespace):
    """Whether Ripcord's account may do it, by the API server's own word."""
    group, _, resource = resource.rpartition("/")
    asked = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": ACCOUNT, "resourceAttributes": asked}}
    status, answer = run.cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    check(status == 201, f"the review is answered with {status}: {answer}")
    return answer["status"]["allowed"]


def objects(folder):
    """The kind and the text of each object that a kustomization renders, of kinds that this cluster does not know too."""
    for text in kubectl("kustomize", str(folder)).split("\n---\n"):
        # the keys are in order, and the object's own are at the margin
        kind = next(line.split()[1] for line in text.splitlines() if line.startswith("kind: "))
        yield {"kind": kind, "text": text}


@contextlib.contextmanager
def rights_of(overlay, instead_of):
    """The account has the rights of that overlay alone. A binding's role can't be changed, so the old ones go first."""
    exchange(instead_of, overlay)
    try:
        yield
    finally:
        exchange(overlay, instead_of)


def exchange(old, new):
    for name, command in ((old, ("delete", "--ignore-not-found")), (new, ("apply",))):
        text = "\n---\n".join(one["text"] for one in objects(OVERLAYS / name) if one["kind"] in RIGHTS)
        kubectl(*command, "-f", "-", text=text)
