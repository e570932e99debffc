"""What Ripcord's account may do: all that it needs, and nothing more."""

from bare import Caller
from trial import trial
from waiting import check

APPS, EVENTS, OURS = "apps", "events.k8s.io", "ripcord.dev"
# (group, resource): verbs, in a namespace that it looks after; deploy/base/clusterrole.yaml says why
NEEDED = {
    (APPS, "deployments"): {"get", "patch"},
    (APPS, "statefulsets"): {"get"},
    (APPS, "daemonsets"): {"get"},
    (APPS, "replicasets"): {"get", "list"},
    (APPS, "controllerrevisions"): {"list"},
    ("", "pods"): {"get", "list"},
    ("", "pods/log"): {"get"},
    ("", "events"): {"list"},
    ("", "namespaces"): {"get"},
    (EVENTS, "events"): {"create"},
    (OURS, "incidents"): {"get", "list", "create"},
    (OURS, "incidents/status"): {"update"},
}
# what any account may do (system:basic-user)
EVERYBODY = {"authorization.k8s.io", "authentication.k8s.io"}
DENIED = [
    ("", "secrets", "get"), ("", "secrets", "list"), ("", "configmaps", "get"), ("", "pods", "delete"), ("", "pods", "create"), ("", "pods/exec", "create"),
    ("", "pods/ephemeralcontainers", "patch"), ("", "pods/eviction", "create"), ("", "serviceaccounts/token", "create"), ("", "nodes", "get"), (APPS, "deployments", "list"),
    (APPS, "deployments", "create"), (APPS, "deployments", "delete"), (APPS, "deployments", "update"), (APPS, "deployments/scale", "patch"),
    (APPS, "replicasets", "patch"), (APPS, "replicasets", "delete"), (APPS, "statefulsets", "patch"), (APPS, "daemonsets", "patch"),
    (OURS, "incidents", "delete"), (OURS, "incidents", "update"), ("rbac.authorization.k8s.io", "rolebindings", "create"),
]


@trial(11, "its account has the rights it needs and no others")
def rights(run, scene):
    ask = Asker(Caller(*run.credentials(run.kubeconfig)))
    found = ask.rules("lab30")
    check(found == NEEDED, f"in lab30 it may do\n  {found}\nand should\n  {NEEDED}")
    for namespace in ("default", "kube-system", "ripcord"):
        check(not ask.rules(namespace), f"it may do something in {namespace}: {ask.rules(namespace)}")
    for (group, resource), verbs in NEEDED.items():
        for verb in sorted(verbs):
            check(ask.may("lab30", group, resource, verb), f"it may not {verb} {resource} in lab30")
            check(not ask.may("", group, resource, verb), f"it may {verb} {resource} in every namespace")
    for group, resource, verb in DENIED:
        check(not ask.may("lab30", group, resource, verb), f"it may {verb} {resource} in lab30")


class Asker:
    """Asks the API server with an account's own token what that account may do: as the account, not about it."""

    def __init__(self, caller):
        self.caller = caller

    def ask(self, kind, spec):
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        return self.caller.call("POST", f"/apis/authorization.k8s.io/v1/{kind.lower()}s", body)[1]["status"]

    def may(self, namespace, group, resource, verb):
        resource, _, subresource = resource.partition("/")
        attributes = {"namespace": namespace, "group": group, "resource": resource, "subresource": subresource, "verb": verb}
        return self.ask("SelfSubjectAccessReview", {"resourceAttributes": attributes})["allowed"]

    def rules(self, namespace):
        """All that it may do to the namespace's objects, beside what everybody may."""
        found = {}
        for rule in self.ask("SelfSubjectRulesReview", {"namespace": namespace})["resourceRules"]:
            for group in set(rule["apiGroups"]) - EVERYBODY:
                for resource in rule["resources"]:
                    found.setdefault((group, resource), set()).update(rule["verbs"])
        return found
