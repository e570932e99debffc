"""The real binary: what it serves, and, as a process of the host, its start, stop and end."""

import http.client
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from waiting import Failed, check, wait_until

SERIES = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Served:
    """What a running Ripcord answers, wherever it runs."""

    def __init__(self, name, host, port):
        self.name, self.host, self.port = name, host, port

    def get(self, address, method="GET"):
        """The status and the text of a GET; status 0 = nobody answers."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request(method, address)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def metrics(self):
        """Every series of `/metrics`: (name, labels, value)."""
        status, text = self.get("/metrics")
        check(status == 200, f"/metrics of {self.name}: {status}")
        found = []
        for line in text.splitlines():
            match = SERIES.match(line)
            if match and not line.startswith("#"):
                found.append((match[1], dict(LABEL.findall(match[2] or "")), float(match[3])))
        return found

    def total(self, name, **labels):
        """The sum of a metric's series that carry these labels."""
        return sum(value for metric, has, value in self.metrics() if metric == name and labels.items() <= has.items())


class Ripcord(Served):
    """One instance: a configuration, a kubeconfig (never the administrator's), a port, a log."""

    def __init__(self, binary, folder, name, port, kubeconfig, text):
        super().__init__(name, "127.0.0.1", port)
        self.binary, self.kubeconfig = binary, kubeconfig
        self.config = folder / f"{name}.yaml"
        self.log = folder / f"{name}.log"
        self.config.write_text(text)
        self.process = None
        self.ready_seconds = None

    def start(self, seconds=60, until=None):
        """Starts it and waits until it is ready, or until what else is said."""
        check(not self.running(), f"{self.name} runs already")
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--config", self.config, "--kubeconfig", self.kubeconfig, "--log-format", "json"], stdout=log, stderr=log
            )
        wait_until(f"{self.name} is ready", lambda: self._ready(until), seconds, every=0.01)
        self.ready_seconds = time.monotonic() - began
        return self

    def _ready(self, until):
        if not self.running():
            raise Failed(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
        return until() if until else self.get("/-/ready")[0] == 200

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Asks it to leave, as a kubelet would; fails when it does not within the grace period."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failed(f"{self.name} did not leave within 30 s of SIGTERM") from None

    def kill(self):
        """kill -9."""
        if self.running():
            self.process.kill()
            self.process.wait(10)

    def tail(self, lines=40):
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def fetch(address, seconds=3):
    """The status of a GET from the host; 0 = no answer."""
    try:
        with urllib.request.urlopen(address, timeout=seconds) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
