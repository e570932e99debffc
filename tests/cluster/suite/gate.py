"""A TCP door in front of a dependency: shut, nobody is there any more; open, everybody is back at the same address."""

import socket
import threading
from urllib.parse import urlsplit

from ripcord import free_port


class Gate:
    def __init__(self, url):
        parts = urlsplit(url)
        self.scheme, self.behind = parts.scheme, (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
        self.port = free_port()
        self.listener, self.sockets, self.lock = None, [], threading.Lock()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def shut(self):
        """Nobody answers, and running connections break."""
        if self.listener:
            # shutdown wakes the thread that accepts; close alone would leave the port listening until the next connection
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        with self.lock:
            for one in self.sockets:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it has ended by itself
                one.close()
            self.sockets.clear()

    def _accept(self, listener):
        while True:
            try:
                inside, _ = listener.accept()
            except OSError:
                return
            outside = socket.create_connection(self.behind, timeout=10)
            outside.settimeout(None)
            with self.lock:
                self.sockets += [inside, outside]
            for source, target in ((inside, outside), (outside, inside)):
                threading.Thread(target=_carry, args=(source, target), daemon=True).start()


def _carry(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # shut, or the other side left
