"""The attacks of `h2_attacks.py`: what one hostile connection does, and what must become of it."""

import dataclasses
import typing

from frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    frame,
    head,
    integer,
    literal,
    reset,
    settings,
    window_update,
)

# How much later than its limit a connection may be closed.
TOLERANCE = 1.0
# How long a flood lasts that nobody ends.
FLOOD = 4.0


@dataclasses.dataclass
class Attack:
    """What one hostile connection does, and what must become of it.

    `ended` names what must end it: a limit, or "rules" for what breaks the protocol's rules or is
    plainly an attack, which is ended before `FLOOD` is over. None: it may go on, if nobody suffers.
    `judge` looks at the connection afterwards and returns what is wrong.
    """

    name: str
    act: typing.Callable
    ended: str | None = None
    judge: typing.Callable = lambda connection: None
    tls: bool = False


def streams(number, first=1):
    return range(first, first + 2 * number, 2)


# ---- What opens streams and gives them up


def rapid_reset(open_connection, limits):
    """CVE-2023-44487: requests that are reset in the same packet."""
    connection = open_connection()
    block = head("/hello", scheme=connection.scheme)
    batches = (
        b"".join(
            frame(HEADERS, END_HEADERS | END_STREAM, stream, block) + reset(stream)
            for stream in streams(100, 1 + 200 * batch)
        )
        for batch in range(500)
    )
    return connection.pump(batches, FLOOD)


def unhurried_reset(open_connection, limits):
    """The same one by one, so that each request has begun when it is reset."""
    connection = open_connection()
    block = head("/sleeps?ms=1000", scheme=connection.scheme)

    def chunks():
        for stream in streams(100_000):
            yield frame(HEADERS, END_HEADERS | END_STREAM, stream, block)
            yield 0.002
            yield reset(stream)

    return connection.pump(chunks(), FLOOD)


def made_you_reset(mistake):
    """CVE-2025-8671: a mistake on each stream for which the host has to reset it, or the connection, itself."""

    def act(open_connection, limits):
        connection = open_connection()
        block = head("/sleeps?ms=1000", scheme=connection.scheme)
        return connection.pump(
            (frame(HEADERS, END_HEADERS | END_STREAM, stream, block) + mistake(stream) for stream in streams(10_000)),
            FLOOD,
        )

    return act


def itself(stream):
    """A PRIORITY frame by which a stream depends on itself."""
    return frame(PRIORITY, 0, stream, stream.to_bytes(4, "big") + b"\x10")


def too_many_streams(open_connection, limits):
    """Opens a thousand streams at once and leaves them open."""
    connection = open_connection()
    block = head("/sleeps?ms=1000", scheme=connection.scheme)
    frames = [frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in streams(1_000)]
    return connection.pump([b"".join(frames)], FLOOD)


# ---- Header blocks


def continuation_flood(size):
    """A header block that never ends, in CONTINUATION frames of `size` bytes."""

    def act(open_connection, limits):
        connection = open_connection()
        # A field that is never complete: its value is announced far longer than what will come.
        payload = b"\x00\x01a" + integer(1 << 30, 7) if size else b""

        def chunks():
            yield frame(HEADERS, 0, 1, head("/hello", scheme=connection.scheme) + payload)
            while True:
                yield frame(CONTINUATION, 0, 1, b"a" * size) * 50

        connection.mark()
        return connection.pump(chunks(), FLOOD)

    return act


def continuation_fields(open_connection, limits):
    """The same with fields that are complete, each one small."""
    connection = open_connection()

    def chunks():
        yield frame(HEADERS, 0, 1, head("/hello", scheme=connection.scheme))
        while True:
            yield frame(CONTINUATION, 0, 1, literal(b"a", b"b") * 100) * 10

    connection.mark()
    return connection.pump(chunks(), FLOOD)


def table_bomb(open_connection, limits):
    """One field of 4,000 bytes in the table, and 16,000 references to it of one byte: 64 MB a request."""
    connection = open_connection()
    big = literal(b"bomb", b"x" * 4_000, indexed=True)
    # 0xbe is index 62: the newest entry of the dynamic table.
    first = frame(HEADERS, END_HEADERS | END_STREAM, 1, head("/hello", scheme=connection.scheme, more=big))
    # Without Huffman and with the rest of the frame full of references: 16,384 bytes is the most.
    block = head("/hello", scheme=connection.scheme)
    block += b"\xbe" * (16_000 - len(block))
    bombs = (frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in streams(100, 3))
    return connection.pump([first, *bombs], FLOOD)


def long_list(open_connection, limits):
    """A header list of 17 KiB, just above what is allowed, on one stream after the other."""
    connection = open_connection()
    many = b"".join(literal(f"x-{number}".encode(), b"y" * 1_000) for number in range(17))
    block = head("/hello", scheme=connection.scheme, more=many)
    chunks = []
    for stream in streams(20):
        chunks += [
            frame(HEADERS, END_STREAM, stream, block[:16_000])
            + frame(CONTINUATION, END_HEADERS, stream, block[16_000:]),
            0.02,
        ]
    return connection.pump(chunks, FLOOD, until=lambda: len(connection.finished | connection.resets.keys()) >= 20)


def not_served(connection):
    """A judge: nothing that is too long may be answered as if it were not."""
    wrong = [stream for stream, status in connection.statuses.items() if stream > 1 and status == "200"]
    return f"{len(wrong)} of them were served" if wrong else None


def long_lists_refused(connection):
    served = [status for status in connection.statuses.values() if status != "431"]
    return f"answered {sorted(set(served))}" if served else None


# ---- Answers that nobody takes


def window_of_zero(open_connection, limits):
    """A hundred large answers asked for, and never a byte of window for them."""
    connection = open_connection(window=0)
    block = head("/large", scheme=connection.scheme)
    asked = b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in streams(100))
    connection.mark()
    return connection.pump([asked], limits["write_idle"] + TOLERANCE + 1, until=lambda: given_up(connection, 100))


def window_of_connection(open_connection, limits):
    """Large windows for streams, and none for the connection after its first 64 KiB."""
    connection = open_connection(window=1 << 30)
    block = head("/large", scheme=connection.scheme)
    asked = b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in streams(100))
    connection.mark()
    return connection.pump([asked], limits["write_idle"] + TOLERANCE + 1, until=lambda: given_up(connection, 100))


def window_by_drops(open_connection, limits):
    """A hundred large answers, each taken 10 bytes at a time: never silent, always too slow."""
    connection = open_connection(window=0)
    block = head("/large", scheme=connection.scheme)

    def chunks():
        yield b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in streams(100))
        while True:
            yield 0.5
            yield b"".join(window_update(stream, 10) for stream in streams(100))

    connection.mark()
    return connection.pump(chunks(), limits["rate_grace"] + TOLERANCE + 1, until=lambda: given_up(connection, 100))


def unread(open_connection, limits):
    """Windows as large as can be, and a client that never reads its socket."""
    connection = open_connection(window=(1 << 31) - 1, receive_buffer=4096)
    block = head("/large", scheme=connection.scheme)
    asked = b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in streams(100))
    connection.mark()
    connection.pump([window_update(0, (1 << 31) - 1 - 65_535), asked], limits["write_idle"] + TOLERANCE, read=False)
    # Only now: what the kernels still hold, and then the end, if the host has not waited for us.
    return connection.pump([], 0.5)


def ended_unread(connection):
    """A judge: the end was there when the client began to read at last.

    Four clients ask for more than one service takes at once. One that got nothing but short refusals, each
    of them whole, left nothing unread that the host would have to wait for.
    """
    refused = given_up(connection, 100) and "200" not in connection.statuses.values()
    return None if connection.ended or refused else f"the host goes on: {connection.how()}"


def given_up(connection, number):
    """Whether the host has finished or reset all streams."""
    return len(connection.finished | connection.resets.keys()) >= number


def large_given_up(connection):
    """A judge: no answer that takes an instance goes on. A short one lies ready, and ends with the connection."""
    running = {stream for stream, status in connection.statuses.items() if status == "200"}
    left = len(running - connection.finished - connection.resets.keys())
    unanswered = 100 - len(connection.statuses.keys() | connection.resets.keys())
    wrong = left + unanswered and connection.ended is None
    return f"{left} answers are still under way, {unanswered} not begun" if wrong else None


def all_given_up(connection):
    """A judge for stalls: the host may end the streams, or the connection."""
    left = 100 - len(connection.finished | connection.resets.keys())
    return f"{left} streams are still open" if left and connection.ended is None else None


# ---- Floods of frames that cost the client nothing


def flood(make, read=True):
    def act(open_connection, limits):
        connection = open_connection()

        def chunks():
            while True:
                yield make() * 200

        connection.mark()
        return connection.pump(chunks(), max(FLOOD, limits["idle"] + TOLERANCE), read=read)

    return act


def body_flood(make, path="/echo"):
    """The same on a stream whose request has a body."""

    def act(open_connection, limits):
        connection = open_connection()

        def chunks():
            yield frame(HEADERS, END_HEADERS, 1, head(path, "POST", connection.scheme))
            while True:
                yield make() * 100

        connection.mark()
        longest = max(limits["body_idle"], limits["rate_grace"]) + TOLERANCE
        return connection.pump(chunks(), longest, until=lambda: given_up(connection, 1))

    return act


def body_by_drops(open_connection, limits):
    """A body of one byte every tenth of a second: never silent, always too slow."""
    connection = open_connection()

    def chunks():
        yield frame(HEADERS, END_HEADERS, 1, head("/echo", "POST", connection.scheme))
        while True:
            yield frame(DATA, 0, 1, b"x")
            yield 0.1

    connection.mark()
    return connection.pump(chunks(), limits["rate_grace"] + TOLERANCE + 1, until=lambda: given_up(connection, 1))


def silent_body(open_connection, limits):
    """A request that announces a body and sends none."""
    connection = open_connection()
    connection.mark()
    asked = [frame(HEADERS, END_HEADERS, stream, head("/echo", "POST", connection.scheme)) for stream in streams(30)]
    return connection.pump(
        [b"".join(asked)], limits["body_idle"] + TOLERANCE + 1, until=lambda: given_up(connection, 30)
    )


def body_given_up(number):
    def judge(connection):
        left = number - len(connection.finished | connection.resets.keys())
        return f"{left} streams are still open" if left and connection.ended is None else None

    return judge


# ---- Beginnings without an end


def beginning(data, greet=False, limit="header_read"):
    """Sends the beginning of something and then nothing."""

    def act(open_connection, limits):
        connection = open_connection(greet=greet, polite=False)
        connection.mark()
        return connection.pump([data], limits[limit] + TOLERANCE + 1)

    return act


HALF_HEADERS = frame(HEADERS, END_HEADERS | END_STREAM, 1, head("/hello") + literal(b"x", b"y" * 200))[:60]

ATTACKS = [
    Attack("rapid reset", rapid_reset, "rules"),
    Attack("rapid reset under TLS", rapid_reset, "rules", tls=True),
    Attack("reset of requests that run", unhurried_reset),
    Attack("window updates of zero", made_you_reset(lambda stream: window_update(stream, 0)), "rules"),
    Attack("windows that overflow", made_you_reset(lambda stream: window_update(stream, 0x7FFFFFFF)), "rules"),
    Attack("streams that depend on themselves", made_you_reset(itself), "rules"),
    Attack(
        "priorities of a wrong size", made_you_reset(lambda stream: frame(PRIORITY, 0, stream, b"12345678")), "rules"
    ),
    Attack("data after the end", made_you_reset(lambda stream: frame(DATA, 0, stream, b"more")), "rules"),
    Attack("a thousand streams at once", too_many_streams),
    Attack("CONTINUATION of 1,000 bytes without end", continuation_flood(1_000), "rules"),
    Attack("CONTINUATION of 1 byte without end", continuation_flood(1), "rules"),
    Attack("CONTINUATION of nothing without end", continuation_flood(0), "rules"),
    Attack("CONTINUATION of whole fields without end", continuation_fields, "rules"),
    Attack("CONTINUATION without end under TLS", continuation_flood(1_000), "rules", tls=True),
    Attack("references to a large table entry", table_bomb, judge=not_served),
    Attack("header lists of 17 KiB", long_list, judge=long_lists_refused),
    Attack("windows of zero", window_of_zero, judge=all_given_up),
    Attack("windows of zero under TLS", window_of_zero, judge=all_given_up, tls=True),
    Attack("a connection's window of zero", window_of_connection, judge=all_given_up),
    Attack("windows of a few bytes", window_by_drops, judge=large_given_up),
    Attack("answers that stay unread", unread, judge=ended_unread),
    Attack("SETTINGS", flood(lambda: settings(window=65_535)), "idle"),
    Attack("SETTINGS, acknowledgements unread", flood(lambda: settings(window=65_535), read=False)),
    Attack("PING", flood(lambda: frame(PING, 0, 0, b"12345678")), "idle"),
    Attack("PING, answers unread", flood(lambda: frame(PING, 0, 0, b"12345678"), read=False)),
    Attack("PRIORITY", flood(lambda: frame(PRIORITY, 0, 3, b"\0\0\0\1\x10")), "idle"),
    Attack("WINDOW_UPDATE", flood(lambda: window_update(0, 1)), "idle"),
    Attack("unknown frames", flood(lambda: frame(0xB, 0, 0, b"x" * 16)), "idle"),
    Attack("DATA of nothing", body_flood(lambda: frame(DATA, 0, 1)), judge=body_given_up(1)),
    Attack(
        "DATA of nothing, unread by the service",
        body_flood(lambda: frame(DATA, 0, 1), "/sleeps?ms=9000"),
        judge=body_given_up(1),
    ),
    Attack("DATA of one byte, as fast as can be", body_flood(lambda: frame(DATA, 0, 1, b"x"))),
    Attack("DATA of one byte now and then", body_by_drops, judge=body_given_up(1)),
    Attack("bodies that never come", silent_body, judge=body_given_up(30)),
    Attack("half a preface", beginning(PREFACE[:14]), "header_read"),
    Attack("one byte of a preface", beginning(PREFACE[:1]), "header_read"),
    Attack("half a preface under TLS", beginning(PREFACE[:14]), "header_read", tls=True),
    Attack("nothing after TLS", beginning(b"", limit="first_byte"), "first_byte", tls=True),
    Attack("half a SETTINGS frame", beginning(PREFACE + settings(window=1)[:11]), "header_read"),
    Attack("half a HEADERS frame", beginning(HALF_HEADERS, greet=True), "header_read"),
    Attack("half a HEADERS frame under TLS", beginning(HALF_HEADERS, greet=True), "header_read", tls=True),
    Attack("HEADERS without END_HEADERS", beginning(frame(HEADERS, 0, 1, head("/hello")), greet=True), "header_read"),
    Attack("silence after the preface", beginning(b"", greet=True, limit="idle"), "idle"),
    Attack("silence after the preface under TLS", beginning(b"", greet=True, limit="idle"), "idle", tls=True),
]
