"""The configurations of the run."""

CAUSES = "[ImageNotFound, InvalidImageName, CrashOnStart]"


def configuration(run, port, namespaces, installation, mode="enforce", cooldown="1s", token_file=None, prometheus_url=None, storm=30):
    """A whole configuration; `mode=None` leaves the key out, as somebody would who has not read about it."""
    webhook = f"bearerTokenFile: {token_file}" if token_file else "insecure: true"
    return f"""\
apiVersion: ripcord.dev/v1alpha1
kind: Config
{f"mode: {mode}" if mode else "# no mode: it must not act"}
listen: {{webhook: "127.0.0.1:{port}", admin: "127.0.0.1:{port}"}}
webhook: {{{webhook}}}
prometheus: {{url: "{prometheus_url or run.prometheus.url}", timeout: 5s, matchers: {{job: kube-state-metrics}}, history: {{lookback: 7d, step: 1m}}}}
namespaces: [{", ".join(namespaces)}]
installation: {installation}
guards:
  recentRollout: 2h
  dwell: {run.DWELL_SECONDS}s
  provenFor: 2m
  minCrashes: 3
  cooldown: {cooldown}
  steps: 2
  budget: {{actions: 100, per: 1h}}
  storm: {{workloads: {storm}, within: 1m}}
policies:
{lab_policies(run.web_url) if "lab30" in namespaces else ""}\
  - name: tests
    match: {{kinds: [Deployment, StatefulSet, DaemonSet]}}
    causes: {CAUSES}
    remedies: [{{rolloutUndo: {{to: proven, maxRevisionsBack: 5}}}}]
    verify: {{timeout: 5m, soak: 30s}}
"""


def lab_policies(web_url):
    """The design page's policies for the lab's web and redis."""
    return f"""\
  - name: web-bad-image
    match: {{alerts: ["Lab30*"], namespaces: [lab30], kinds: [Deployment], names: [lab30-web]}}
    causes: [ImageNotFound, InvalidImageName]
    remedies:
      - pinImage: {{container: web, image: "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1"}}
      - rolloutUndo: {{}}
    verify: {{timeout: 5m, soak: 30s, http: {{url: "{web_url}/health", status: 200}}}}
  - name: bad-rollout
    match: {{namespaces: [lab30]}}
    causes: {CAUSES}
    remedies: [{{rolloutUndo: {{to: proven, maxRevisionsBack: 5}}}}]
    verify: {{timeout: 5m, soak: 30s}}
"""
