"""Questions to Prometheus."""

import json
import urllib.parse
import urllib.request


class Prometheus:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def ask(self, what, **parameters):
        """The data of one of its API's answers."""
        address = f"{self.url}/api/v1/{what}?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, promql):
        """The series of an instant query: pairs of labels and value."""
        return [(series["metric"], float(series["value"][1])) for series in self.ask("query", query=promql)["result"]]

    def query_range(self, promql, start, end, step):
        """The labels of each series that has a sample in the range."""
        return [series["metric"] for series in self.ask("query_range", query=promql, start=start, end=end, step=step)["result"]]

    def fired(self, alert, namespace, pod):
        """Whether an alert about a pod has fired in the last ten minutes."""
        return bool(self.query(
            f'max_over_time(ALERTS{{alertname="{alert}",alertstate="firing",namespace="{namespace}",pod="{pod}"}}[10m])'
        ))
