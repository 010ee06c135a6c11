"""HTTP/2 frames made by hand, and a connection that sends them whatever the other side thinks of it.

python-h2 refuses to break the protocol, so the attacks need this: a `Hostile` sends bytes as they are
and only notes what comes back, and how and when the other side ended the connection.
"""

import select
import socket
import ssl
import struct
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
SETTINGS_INITIAL_WINDOW_SIZE = 0x4
ERRORS = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
]


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values):
    """A SETTINGS frame; the only value needed is `window`."""
    payload = b"".join(struct.pack(">HI", SETTINGS_INITIAL_WINDOW_SIZE, value) for value in values.values())
    return frame(SETTINGS, 0, 0, payload)


def reset(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def literal(name, value, indexed=False):
    """A header field as a literal with a new name and no Huffman code; `indexed` adds it to the table."""
    return (b"\x40" if indexed else b"\x00") + integer(len(name), 7) + name + integer(len(value), 7) + value


def integer(value, bits):
    """HPACK's integer with a prefix of `bits` whose other bits are 0 (RFC 7541, section 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    value -= most
    out = [most]
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def head(path, method="GET", scheme="http", more=b""):
    """A header block without state on either side: nothing in it enters the dynamic table."""
    fields = [
        (b":method", method.encode()),
        (b":scheme", scheme.encode()),
        (b":path", path.encode()),
        (b":authority", b"localhost"),
    ]
    return b"".join(literal(name, value) for name, value in fields) + more


class Hostile:
    """A connection to `port` that keeps to no rule; `tls` is a context, `patience` bounds connecting.

    With `polite` it acknowledges SETTINGS and PING, as whoever wants to stay does.
    """

    def __init__(self, port, tls=None, patience=10, greet=True, polite=True, window=None, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(patience)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.setblocking(False)
        self.scheme = "https" if tls else "http"
        self.decoder = hpack.Decoder()
        self.decoder.max_allowed_table_size = 1 << 16
        self.received, self.sent_bytes, self.data_bytes, self.acks = b"", 0, 0, 0
        self.polite, self.owed = polite, b""
        self.goaway, self.goaway_last, self.resets, self.statuses, self.finished = None, None, {}, {}, set()
        self.ended, self.marked = None, time.monotonic()
        self.ended_at = None
        if greet:
            self.pump([PREFACE + settings(**({} if window is None else {"window": window}))], 0.2, until_sent=True)

    def mark(self):
        """From now on `seconds` is counted."""
        self.marked = time.monotonic()

    @property
    def seconds(self):
        return (self.ended_at or time.monotonic()) - self.marked

    def pump(self, chunks, seconds, read=True, until_sent=False, until=None):
        """Sends `chunks` and reads meanwhile, until the host ends the connection or time is over.

        Ends early once all is sent with `until_sent`, or as soon as `until()` is true. A chunk may be
        a number, which is a pause in seconds.
        """
        deadline, chunks, waiting, resume = time.monotonic() + seconds, iter(chunks), b"", 0.0
        drained = False
        while self.ended is None and (now := time.monotonic()) < deadline and not (until and until()):
            if not waiting:
                waiting, self.owed = memoryview(self.owed), b""
            while not waiting and not drained and now >= resume:
                chunk = next(chunks, None)
                if chunk is None:
                    drained = True
                elif isinstance(chunk, (int, float)):
                    resume = now + chunk
                else:
                    waiting = memoryview(chunk)
            if drained and not waiting and until_sent:
                return self
            patience = min(deadline, resume if not waiting and not drained else deadline) - now
            readable, writable, _ = select.select(
                [self.socket] if read else [], [self.socket] if waiting else [], [], min(max(patience, 0), 0.1)
            )
            if writable:
                waiting = waiting[self._send(waiting) :]
            if readable or (read and self._pending()):
                self._receive()
        return self

    def _pending(self):
        return isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()

    def _send(self, data):
        try:
            sent = self.socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        except OSError as error:
            # What the host said before it closed may still be there.
            self._receive()
            self._end(f"{type(error).__name__}")
            return 0
        self.sent_bytes += sent
        return sent

    def _receive(self):
        try:
            while data := self.socket.recv(1 << 16):
                self.received += data
                self._read_frames()
                if len(data) < 1 << 16:
                    return
            self._end("closed")
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._end(type(error).__name__)

    def _end(self, how):
        if self.ended is None:
            self.ended, self.ended_at = how, time.monotonic()

    def _read_frames(self):
        position = 0
        while len(self.received) - position >= 9:
            length = int.from_bytes(self.received[position : position + 3], "big")
            if len(self.received) - position < 9 + length:
                break
            kind, flags = self.received[position + 3], self.received[position + 4]
            stream = int.from_bytes(self.received[position + 5 : position + 9], "big") & 0x7FFFFFFF
            self._note(kind, flags, stream, self.received[position + 9 : position + 9 + length])
            position += 9 + length
        self.received = self.received[position:]

    def _note(self, kind, flags, stream, payload):
        if kind == GOAWAY:
            self.goaway_last, self.goaway = (int.from_bytes(payload[at : at + 4], "big") for at in (0, 4))
        elif kind == RST_STREAM:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == HEADERS:
            fields = self.decoder.decode(payload)
            status = next((value for name, value in fields if name == ":status"), None)
            if status is not None:
                self.statuses[stream] = status
        elif kind == DATA:
            self.data_bytes += len(payload)
        elif kind in (SETTINGS, PING) and flags & ACK:
            self.acks += 1
        elif kind in (SETTINGS, PING) and self.polite:
            self.owed += frame(kind, ACK, 0, payload if kind == PING else b"")
        if flags & END_STREAM and kind in (HEADERS, DATA):
            self.finished.add(stream)

    def close(self):
        self.socket.close()

    def how(self):
        """How it ended, in words."""
        words = []
        if self.goaway is not None:
            words.append(f"GOAWAY {name(self.goaway)}")
        if self.resets:
            codes = sorted({name(code) for code in self.resets.values()})
            words.append(f"{len(self.resets)} streams reset ({', '.join(codes)})")
        counts = {status: list(self.statuses.values()).count(status) for status in sorted(set(self.statuses.values()))}
        words += [f"{number} x {status}" for status, number in counts.items()]
        words.append(f"{self.ended} after {self.seconds:.1f} s" if self.ended else "still open")
        return ", ".join(words)


def name(code):
    return ERRORS[code] if code < len(ERRORS) else str(code)
