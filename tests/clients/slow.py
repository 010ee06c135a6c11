"""Holds connections open slowly, a thousand at a time, while honest clients go on.

    python3 tests/clients/slow.py target/release/hostel [--quick] [--wasmtime PATH]

slowhttptest's slow heads (H), slow bodies (B) and slow readers of an 8 MiB answer (X), and sockets of
our own: silent ones, silent ones where TLS is expected, silent ones after the handshake, half a
ClientHello, half a head, and connections that rest after an answer. Each must be ended by the host
within its limit and a second, and the honest clients must see no error. With `--wasmtime` the same
comes upon `wasmtime serve`, to tell what it does; that is not judged.
"""

import ssl
import subprocess
import time

import harness
from sockets import Crowd, Lives

# How much later than its limit a connection may be ended.
TOLERANCE = 1.0
# How long a request may wait until its service has room for it: the default of `limits.queue_wait`.
QUEUE_WAIT = 1.0
# The default limits of a listener in seconds, and those of the quick run.
DEFAULTS = {
    "first_byte": 10,
    "header_read": 10,
    "tls_handshake": 10,
    "idle": 60,
    "body_idle": 30,
    "rate_grace": 5,
    "write_idle": 60,
}
QUICK = {
    "first_byte": 3,
    "header_read": 3,
    "tls_handshake": 3,
    "idle": 4,
    "body_idle": 4,
    "rate_grace": 2,
    "write_idle": 4,
}

HALF_HEAD = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Half: "
WHOLE = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
# The first bytes of a TLS record that announces 512 bytes of a handshake.
HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def own_sockets(context):
    """Name, listener, what is sent, the TLS context, and the limit that ends it."""
    return [
        ("silent", "plain", b"", None, "first_byte"),
        ("silent, where h2 is possible", "h2c", b"", None, "first_byte"),
        ("silent, where TLS is expected", "tls", b"", None, "tls_handshake"),
        ("half a ClientHello", "tls", HALF_HELLO, None, "tls_handshake"),
        ("silent after the handshake", "tls", b"", context, "first_byte"),
        ("half a head", "plain", HALF_HEAD, None, "header_read"),
        ("half a head, where h2 is possible", "h2c", HALF_HEAD, None, "header_read"),
        ("half a head under TLS", "tls", HALF_HEAD, context, "header_read"),
        ("at rest after an answer", "plain", WHOLE, None, "idle"),
        ("at rest after an answer, under TLS", "tls", WHOLE, context, "idle"),
    ]


def modes(limits):
    """Name, path, slowhttptest's arguments, and the seconds after which the slowest is ended.

    Bodies must come, and answers be taken, at 240 bytes a second on average. A body of at most 22 a
    second uses its grace up a tenth later, and it may have waited a second for its turn. A reader
    that first took a buffer full has as much credit as it may be silent, and loses it a little slower
    for its 5 bytes a second. Of a thousand readers only as many are answered as may run at once; the
    others rest with a short 503.
    """
    return [
        ("slowhttptest H", "/hello", ["-H", "-i", 1, "-x", 10], limits["header_read"]),
        ("slowhttptest B", "/echo", ["-B", "-i", 1, "-x", 10, "-s", 8192], QUEUE_WAIT + limits["rate_grace"] * 1.1),
        (
            "slowhttptest X",
            "/large",
            ["-X", "-w", 256, "-y", 1024, "-n", 1, "-z", 5, "-k", 1],
            max(limits["write_idle"] * 1.03, limits["idle"]),
        ),
    ]


def slowhttptest(port, path, arguments, number, seconds):
    """Starts it; it opens all connections within about two seconds and lasts for `seconds`."""
    command = [
        "slowhttptest",
        *arguments,
        "-c",
        number,
        "-r",
        max(50, number // 2),
        "-l",
        int(seconds),
        "-p",
        5,
        "-u",
        f"http://127.0.0.1:{port}{path}",
    ]
    return subprocess.Popen(
        [str(each) for each in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def finish(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()


def with_slowhttptest(report, host, canaries, limits, number):
    port = host.port("plain")
    for name, path, arguments, limit in modes(limits):
        canaries.forget()
        with harness.Watch(host) as watch, Lives(port, canaries.ports) as lives:
            # Longer than the host lets them: who it does not end is ended too late.
            process = slowhttptest(port, path, arguments, number, limit + 8)
            harness.eventually(lambda: lives.seen >= number, 15)
            harness.eventually(lambda: not lives.lives or process.poll() is not None, limit + 8)
            finish(process, 5)
            time.sleep(0.2)
        longest = max(lives.done, default=0)
        # On a busy machine it does not open all of them, and those that end between two looks are not seen.
        fine = lives.seen >= number * 0.9 and not lives.lives and longest <= limit + TOLERANCE
        report.check(f"{name}, {number} connections, limit {limit:.1f} s", fine, lives.figures())
        report.check(f"    memory, {name}", watch.growth < harness.GROWTH_MAX and host.alive(), watch.figures())
        canaries.check(report, name)


def with_own_sockets(report, host, canaries, limits, number, context):
    for name, listener, first, tls, limit in own_sockets(context):
        canaries.forget()
        with harness.Watch(host) as watch:
            crowd = Crowd(host.port(listener), number, first, tls).stay(limits[limit] + TOLERANCE + 2)
        fine = len(crowd.ended) == number and not crowd.left and max(crowd.ended) <= limits[limit] + TOLERANCE
        # Nor sooner: what is patient with honest clients is what it says.
        fine = fine and min(crowd.ended) >= limits[limit] * 0.9
        report.check(f"{name}, {number} connections, limit {limits[limit]} s", fine, crowd.figures())
        report.check(f"    memory, {name}", watch.growth < harness.GROWTH_MAX and host.alive(), watch.figures())
        canaries.check(report, name)


class Wasmtime:
    """`wasmtime serve` with one of the guests."""

    def __init__(self, binary, guest):
        self.port = harness.free_ports(1)[0]
        command = [binary, "serve", "--addr", f"127.0.0.1:{self.port}", "-S", "cli=y", str(guest)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.pid = self.process.pid

    resident = harness.Host.resident

    def __enter__(self):
        if not harness.eventually(lambda: harness.can_connect(self.port), 20):
            raise SystemExit("`wasmtime serve` did not start")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def beside(report, options, limits, number):
    """The same attacks on `wasmtime serve`, for as long as ours would need and a few seconds more."""
    if not options.wasmtime:
        report.note("wasmtime serve: not given (`--wasmtime PATH`), so not compared")
        return
    for name, first, limit in [("silent", b"", "first_byte"), ("half a head", HALF_HEAD, "header_read")]:
        with Wasmtime(options.wasmtime, options.guests / "hello_p2.wasm") as other, harness.Watch(other) as watch:
            with harness.Canaries(harness.Canary("h1", other.port)) as canaries:
                crowd = Crowd(other.port, number, first).stay(limits[limit] + TOLERANCE + 5)
        tell(report, canaries, f"{name}: {crowd.figures()}; {watch.figures()}")
    for name, path, arguments, limit in modes(limits):
        guest = {
            "/hello": "hello_p2.wasm",
            "/echo": "examples/echo_p2.wasm",
            "/large": "examples/endless_body_p2.wasm",
        }[path]
        with Wasmtime(options.wasmtime, options.guests / guest) as other, harness.Watch(other) as watch:
            seconds = min(limit, 20) + 6
            with Lives(other.port) as lives:
                process = slowhttptest(other.port, path, arguments, number, seconds)
                time.sleep(seconds)
                told = lives.figures()
                finish(process, 5)
        report.note(f"wasmtime serve, {name} for {seconds:.0f} s: {told}; {watch.figures()}")


def tell(report, canaries, text):
    canary = canaries.all[0]
    report.note(
        f"wasmtime serve, {text}; canary {canary.requests} answers, slowest {canary.slowest * 1000:.0f} ms, "
        f"errors {canary.errors or 0}"
    )


def main():
    options = harness.arguments(
        __doc__,
        wasmtime={"help": "the binary of wasmtime to compare with"},
        connections={"type": int, "help": "connections of each attack"},
    )
    limits, number = (QUICK, 200) if options.quick else (DEFAULTS, 1_000)
    number = options.connections or number
    report = harness.Report()
    # The full run is of the defaults, so it writes none.
    written = {key: f"{value}s" for key, value in limits.items()} if options.quick else {}
    listeners = {
        "plain": harness.Listener(limits=written),
        "h2c": harness.Listener(h2c=True, limits=written),
        "tls": harness.Listener(tls=["localhost"], limits=written),
    }
    host = harness.Host(options, report, listeners)
    authority = harness.Authority(host.folder)
    authority.issue("localhost", "localhost", "127.0.0.1")
    context = ssl.create_default_context(cafile=authority.certificate)
    with host:
        with harness.Canaries(
            harness.Canary("h1", host.port("plain")),
            harness.Canary("h1-tls", host.port("tls"), ca=authority.certificate),
        ) as canaries:
            with_own_sockets(report, host, canaries, limits, number, context)
            with_slowhttptest(report, host, canaries, limits, number)
    beside(report, options, limits, number)
    report.end()


if __name__ == "__main__":
    main()
