"""Takes all of a host's file descriptors away and gives them back.

    python3 tests/clients/descriptors.py target/release/hostel [--quick]

The host runs under `prlimit --nofile=256`, and 1,000 clients connect and say nothing. It must live,
use under 5 % of a processor while it is full, and accept again within a second after they have left.
Then the same once more with clients that keep asking, so that connections come and go while it is full.
"""

import http.client
import socket
import time

import harness

FILES = 256
CLIENTS = 1_000
# The most of one processor that a full host may use.
SHARE_MAX = 0.05
RECOVERY = 1.0


def crowd(port):
    """Connects CLIENTS times without waiting; those that find no place wait in the kernel."""
    sockets = []
    for _ in range(CLIENTS):
        each = socket.socket()
        each.setblocking(False)
        each.connect_ex(("127.0.0.1", port))
        sockets.append(each)
    return sockets


def asked(port, seconds):
    """How long it takes until a new connection is answered; None if longer than `seconds`."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=max(0.05, began + seconds - time.monotonic())
        )
        try:
            connection.request("GET", "/hello")
            if connection.getresponse().read() == harness.GREETING:
                return time.monotonic() - began
        except OSError:
            time.sleep(0.02)
        except http.client.HTTPException:
            time.sleep(0.02)
        finally:
            connection.close()
    return None


def filled(report, host, port, seconds, name):
    baseline = host.descriptors()
    sockets = crowd(port)
    time.sleep(1)
    before, began = host.processor(), time.monotonic()
    most = 0
    while time.monotonic() < began + seconds:
        most = max(most, host.descriptors())
        time.sleep(0.1)
    share = (host.processor() - before) / (time.monotonic() - began)
    report.check(
        f"it lives, {name}", host.alive() and most <= FILES, f"{baseline} descriptors before, at most {most} of {FILES}"
    )
    report.check(f"it was full, {name}", most > FILES / 2, f"{most} of {FILES}")
    report.check(
        f"it rests while full, {name}", share < SHARE_MAX, f"{share * 100:.2f} % of a processor over {seconds} s"
    )
    # The admin plane has no share in what clients take.
    report.check(
        f"the admin plane answers while full, {name}",
        host.metric("hostel_open_connections") is not None,
        f"hostel_open_connections {host.metric('hostel_open_connections')}",
    )
    for each in sockets:
        each.close()
    took = asked(port, 10)
    report.check(
        f"it accepts again, {name}",
        took is not None and took <= RECOVERY,
        "never within 10 s" if took is None else f"a new connection was answered after {took * 1000:.0f} ms",
    )
    harness.eventually(lambda: host.descriptors() <= baseline + 2, 15)
    report.check(
        f"descriptors come back, {name}", host.descriptors() <= baseline + 2, f"{host.descriptors()}, before {baseline}"
    )


def main():
    options = harness.arguments(__doc__)
    report = harness.Report()
    # The silent ones must still be there when the processor is measured, whatever the run.
    listeners = {"default": harness.Listener(), "patient": harness.Listener(limits={"first_byte": "60s"})}
    host = harness.Host(options, report, listeners, before=["prlimit", f"--nofile={FILES}"])
    with host:
        if asked(host.port("default"), 10) is None:
            raise SystemExit("the host does not answer")
        filled(report, host, host.port("patient"), 5, "of silent clients that may stay")
        filled(report, host, host.port("default"), 5 if options.quick else 25, "of silent clients that are turned out")
        if not options.quick:
            filled(report, host, host.port("patient"), 5, "a second time")
    report.end()


if __name__ == "__main__":
    main()
