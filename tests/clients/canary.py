"""Asks for a greeting again and again, in a process of its own, until its standard input ends.

Kinds: `h1` and `h2` on plain text, `h1-tls` and `h2-tls` under TLS with the name `localhost`. Tells
on standard output, in JSON lines, each connection's own port, how many requests were answered and how
slow the slowest was since the last such line, and each error. An error is an answer that is not 200
with the greeting, one that takes longer than 5 s, and a connection that ends before the answer does.
"""

import argparse
import json
import select
import socket
import ssl
import sys
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions

PATIENCE = 5
GREETING = b"Hello, World!\n"


class Wrong(Exception):
    """What was not as it should be."""


def tell(**what):
    print(json.dumps(what), flush=True)


def connect(options):
    plain = socket.create_connection(("127.0.0.1", options.port), timeout=PATIENCE)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tell(port=plain.getsockname()[1])
    if not options.kind.endswith("-tls"):
        return plain
    context = ssl.create_default_context(cafile=options.ca)
    protocol = "h2" if options.kind.startswith("h2") else "http/1.1"
    context.set_alpn_protocols([protocol])
    connection = context.wrap_socket(plain, server_hostname="localhost")
    if connection.selected_alpn_protocol() != protocol:
        raise Wrong(f"ALPN chose {connection.selected_alpn_protocol()}")
    return connection


class Http1:
    """One kept connection of HTTP/1.1."""

    def __init__(self, options):
        self.socket = connect(options)
        self.request = f"GET {options.path} HTTP/1.1\r\nHost: localhost:{options.port}\r\n\r\n".encode()

    def ask(self):
        """Sends one request and reads its answer; whether the connection may be used again."""
        self.socket.sendall(self.request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.some()
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Wrong(head.split(b"\r\n")[0].decode("latin-1"))
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), None)
        if length is None:
            while not body.endswith(b"0\r\n\r\n"):
                body += self.some()
            body = body.split(b"\r\n")[1]
        while length is not None and len(body) < length:
            body += self.some()
        if body != GREETING:
            raise Wrong("another body")
        return b"connection: close" not in lines

    def some(self):
        data = self.socket.recv(65536)
        if not data:
            raise Wrong("closed before the answer ended")
        return data


class Http2:
    """One kept connection of HTTP/2."""

    def __init__(self, options):
        self.socket = connect(options)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.connection.initiate_connection()
        self.headers = [
            (":method", "GET"),
            (":path", options.path),
            (":authority", f"localhost:{options.port}"),
            (":scheme", "https" if options.kind.endswith("-tls") else "http"),
        ]
        self.going = False

    def ask(self):
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, self.headers, end_stream=True)
        self.socket.sendall(self.connection.data_to_send())
        status, body = None, b""
        while True:
            data = self.socket.recv(65536)
            if not data:
                raise Wrong("closed before the answer ended")
            for event in self.connection.receive_data(data):
                if isinstance(event, h2.events.ConnectionTerminated):
                    self.going = True
                    if event.last_stream_id < stream:
                        raise Wrong(f"GOAWAY {event.error_code}")
                if getattr(event, "stream_id", None) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[":status"]
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self.connection.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.StreamReset):
                    raise Wrong(f"RST_STREAM {event.error_code}")
                elif isinstance(event, h2.events.StreamEnded):
                    if status != "200" or body != GREETING:
                        raise Wrong(f"status {status}" if status != "200" else "another body")
                    self.socket.sendall(self.connection.data_to_send())
                    return not self.going
            self.socket.sendall(self.connection.data_to_send())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["h1", "h2", "h1-tls", "h2-tls"])
    parser.add_argument("port", type=int)
    parser.add_argument("--path", default="/hello")
    parser.add_argument("--ca", help="the certificate to trust")
    parser.add_argument("--pause", type=float, default=0.01, help="seconds between two requests")
    parser.add_argument("--reconnect", type=int, default=0, help="requests of one connection, 0 for no end")
    options = parser.parse_args()
    client = Http2 if options.kind.startswith("h2") else Http1
    kept, used, answered, slowest, told = None, 0, 0, 0.0, 0.0
    while not select.select([sys.stdin], [], [], options.pause)[0]:
        began = time.monotonic()
        try:
            kept = kept or client(options)
            again = kept.ask()
            used += 1
            answered += 1
            slowest = max(slowest, time.monotonic() - began)
            if not again or used == options.reconnect:
                kept.socket.close()
                kept, used = None, 0
        except (OSError, Wrong, h2.exceptions.H2Error) as error:
            tell(error=str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}")
            if kept:
                kept.socket.close()
            kept, used = None, 0
        if time.monotonic() - told > 0.1:
            tell(requests=answered, slowest=slowest)
            answered, slowest, told = 0, 0.0, time.monotonic()
    tell(requests=answered, slowest=slowest)


if __name__ == "__main__":
    main()
