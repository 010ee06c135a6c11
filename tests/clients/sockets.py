"""Many connections at once from one thread: each is opened, fed, and timed until the host ends it."""

import os
import pathlib
import selectors
import socket
import ssl
import threading
import time

ESTABLISHED, CLOSE_WAIT = "01", "08"


class Crowd:
    """Connections to `port` that each send `first` and then nothing; `tls` is a context or None."""

    def __init__(self, port, number, first=b"", tls=None):
        self.port, self.number, self.first, self.tls = port, number, first, tls
        # Seconds from the beginning of each connection (with `tls`, of its first byte) to its end.
        self.ended, self.answers, self.refused = [], {}, 0

    def stay(self, seconds):
        """Opens all of them and waits for their ends, at most for so long after the last was opened."""
        with selectors.DefaultSelector() as selector:
            self.selector, self.open = selector, {}
            for _ in range(self.number):
                self._open()
                self._look(0)
            self.opened_at = time.monotonic()
            while self.open and time.monotonic() < self.opened_at + seconds:
                self._look(0.05)
            self.left = len(self.open)
            for connection in self.open:
                connection.close()
        return self

    def _open(self):
        try:
            connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_hostname="localhost")
            connection.setblocking(False)
            if self.first:
                connection.send(self.first)
        except OSError:
            self.refused += 1
            return
        self.open[connection] = [time.monotonic(), b""]
        self.selector.register(connection, selectors.EVENT_READ)

    def _look(self, seconds):
        for key, _ in self.selector.select(seconds):
            connection = key.fileobj
            try:
                data = connection.recv(4096)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            except OSError:
                data = b""
            if data:
                self.open[connection][1] += data
                continue
            began, answer = self.open.pop(connection)
            self.ended.append(time.monotonic() - began)
            status = answer.split(b"\r\n")[0].decode("latin-1")[9:12] or "nothing"
            self.answers[status] = self.answers.get(status, 0) + 1
            self.selector.unregister(connection)
            connection.close()

    def figures(self):
        ends = f"{min(self.ended):.2f} to {max(self.ended):.2f} s" if self.ended else "none"
        answers = ", ".join(f"{number} x {status}" for status, number in sorted(self.answers.items()))
        refused = f", {self.refused} could not be opened" if self.refused else ""
        return (
            f"{len(self.ended)} of {self.number} ended by the host, after {ends}, {self.left} left{refused} ({answers})"
        )


class Lives:
    """How long the host keeps each connection of somebody else to `port`, seen in the kernel's table.

    What was there before, and the ports of `except_for()`, are not counted. A connection lives while
    its end at the host is open, even if its client has closed its own.
    """

    def __init__(self, port, except_for=set):
        self.port, self.except_for = f"{port:04X}", except_for
        self.lives, self.seen, self.done = {}, 0, []
        self.most = 0

    def __enter__(self):
        self.before = self._now()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self._note(time.monotonic())

    def _now(self):
        found = set()
        for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split(maxsplit=10)
            # The host's own end, and open files only: one with inode 0 nobody holds any more.
            if fields[1].endswith(":" + self.port) and fields[3] in (ESTABLISHED, CLOSE_WAIT) and fields[9] != "0":
                found.add(int(fields[2].rpartition(":")[2], 16))
        return found

    def _look(self):
        while not self.over.wait(0.05):
            self._note(time.monotonic())

    def _note(self, now):
        current = self._now() - self.before - self.except_for()
        for port in current - self.lives.keys():
            self.lives[port] = now
            self.seen += 1
        for port in self.lives.keys() - current:
            self.done.append(now - self.lives.pop(port))
        self.most = max(self.most, len(current))

    def figures(self):
        longest = f", the longest after {max(self.done):.1f} s" if self.done else ""
        return f"{self.seen} connections, {self.most} at once, {len(self.done)} ended{longest}, {len(self.lives)} left"


def processor_seconds(pid):
    """What a process of somebody else has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
