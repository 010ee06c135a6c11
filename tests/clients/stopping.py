"""Clients that ask without pause until the host takes leave, and know which requests it owed an answer."""

import socket
import threading

from frames import END_HEADERS, END_STREAM, HEADERS, Hostile, frame, head

# The answer takes this long, so that nearly always a request is under way.
PATH = "/sleeps?ms=100"
ANSWER = b"slept"
PATIENCE = 20
# The code of REFUSED_STREAM: the request was not looked at.
REFUSED = 7


class Ask(threading.Thread):
    """What both kinds count.

    `told`: the host took leave by the means of its protocol. `unbegun`: a request that the host may
    leave unanswered, since it said so or had ended the connection before any of it was read.
    """

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.socket = self.connect()
        self.answered, self.told, self.unbegun, self.failed = 0, 0, 0, []

    def run(self):
        try:
            self.ask()
        except OSError as error:
            self.failed.append(f"{type(error).__name__}: {error}")
        finally:
            self.socket.close()


class AskHttp1(Ask):
    """One request after the other on one connection of HTTP/1.1."""

    NAME, GOODBYE = "h1", "each connection is told by `Connection: close`"

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    @property
    def begun(self):
        return self.answered

    def ask(self):
        request = f"GET {PATH} HTTP/1.1\r\nHost: localhost:{self.port}\r\n\r\n".encode()
        while True:
            received = b""
            try:
                self.socket.sendall(request)
                while not self.whole(received):
                    data = self.socket.recv(65536)
                    if not data:
                        break
                    received += data
            except (ConnectionResetError, BrokenPipeError):
                pass
            if not received:
                # Between two requests the host may close: RFC 9112, section 9.5.
                self.unbegun += 1
                return
            if not self.whole(received) or not received.startswith(b"HTTP/1.1 200 ") or ANSWER not in received:
                self.failed.append(f"{received[:60]!r}")
                return
            self.answered += 1
            if b"\r\nconnection: close\r\n" in received.lower():
                self.told += 1
                if self.socket.recv(1):
                    self.failed.append("bytes after the last answer")
                return

    @staticmethod
    def whole(received):
        head, end, body = received.partition(b"\r\n\r\n")
        if not end:
            return False
        if b"\r\ntransfer-encoding: chunked" in head.lower():
            return body.endswith(b"0\r\n\r\n")
        return len(body) >= len(ANSWER)


class AskHttp2(Ask):
    """Four requests at a time on one connection of HTTP/2, by hand: python-h2 reads nothing after GOAWAY."""

    NAME, GOODBYE = "h2", "each connection is told by GOAWAY"
    AT_ONCE = 4

    def connect(self):
        return Hostile(self.port)

    def ask(self):
        host, asked = self.socket, []
        done = lambda: len(host.finished | host.resets.keys())
        while host.ended is None and not (host.goaway is not None and done() == len(asked)):
            new = []
            while host.goaway is None and len(asked) - done() < self.AT_ONCE:
                asked.append(1 + 2 * len(asked))
                new.append(frame(HEADERS, END_HEADERS | END_STREAM, asked[-1], head(PATH)))
            before = done()
            host.pump([b"".join(new)], PATIENCE, until=lambda: done() > before or host.goaway is not None)
            if host.goaway is not None:
                host.pump([], PATIENCE, until=lambda: done() == len(asked))
        # What it says last counts: the first GOAWAY of two names no stream.
        host.pump([], PATIENCE)
        self.told = int(host.goaway is not None)
        for stream in asked:
            if stream in host.finished and host.statuses.get(stream) == "200":
                self.answered += 1
            elif host.resets.get(stream) == REFUSED or (host.goaway is not None and stream > host.goaway_last):
                self.unbegun += 1
            else:
                self.failed.append(f"stream {stream} of {len(asked)}: {host.how()}")
        if host.ended is None or host.goaway:
            self.failed.append(host.how())

    @property
    def begun(self):
        return len(self.socket.finished)
