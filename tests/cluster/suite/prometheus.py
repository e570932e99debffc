"""Questions to Prometheus."""

import json
import urllib.parse
import urllib.request


class Prometheus:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def query(self, promql):
        """The series of an instant query: pairs of labels and value."""
        address = f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": promql})
        with urllib.request.urlopen(address, timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    def fired(self, alert, namespace, pod):
        """Whether an alert about a pod has fired in the last ten minutes."""
        return bool(self.query(
            f'max_over_time(ALERTS{{alertname="{alert}",alertstate="firing",namespace="{namespace}",pod="{pod}"}}[10m])'
        ))
