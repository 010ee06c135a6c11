"""Attacks a host by HTTP/2 while honest clients go on: floods, bombs, resets, stalls and half frames.

    python3 tests/clients/h2_attacks.py target/release/hostel [--quick] [--only NAME] [--connections N]

Each attack comes over several connections at once. It passes if no honest client (HTTP/1.1 and HTTP/2,
plain and TLS) saw an error meanwhile, the host grew by less than 64 MiB, and the hostile connections
ended as the attack's line in `attacks.py` says. `--target PORT` attacks another server instead, without
judging it, to see that the attacks are what they claim.
"""

import ssl
import threading
import time

import harness
from attacks import ATTACKS, FLOOD, TOLERANCE, given_up, streams
from frames import END_HEADERS, END_STREAM, HEADERS, Hostile, frame, head, window_update

# The limits of the attacked listeners in seconds; short, so that waiting for them is.
LIMITS = {
    "first_byte": 3,
    "header_read": 2,
    "tls_handshake": 3,
    "idle": 4,
    "body_idle": 4,
    "rate_grace": 3,
    "write_idle": 4,
}
QUICK = {
    "first_byte": 2,
    "header_read": 1,
    "tls_handshake": 2,
    "idle": 2,
    "body_idle": 2,
    "rate_grace": 2,
    "write_idle": 2,
}


def carry_out(attack, number, ports, tls, limits):
    """Runs `attack` over `number` connections at once; returns them and what went wrong here."""
    done, faults = [], []

    def one():
        try:
            opener = lambda **options: Hostile(ports[attack.tls], tls if attack.tls else None, **options)
            done.append(attack.act(opener, limits))
        except Exception as error:  # noqa: BLE001, a fault of this script or a host that is gone
            faults.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=one) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done, faults


def judged(attack, connections, limits):
    """What is wrong with how the host treated them."""
    wrong = []
    longest = FLOOD if attack.ended == "rules" else limits.get(attack.ended, 0) + TOLERANCE
    for connection in connections:
        if attack.ended and (connection.ended is None or connection.seconds > longest):
            wrong.append(f"not ended within {longest:.0f} s: {connection.how()}")
        wrong += filter(None, [attack.judge(connection)])
    return wrong


def assault(report, host, canaries, attack, number, ports, tls, limits):
    """One attack with everything that is checked about it."""
    canaries.forget()
    with harness.Watch(host) as watch:
        before = host.processor()
        connections, faults = carry_out(attack, number, ports, tls, limits)
        used = host.processor() - before
        time.sleep(0.3)
    wrong = judged(attack, connections, limits) + faults
    sample = connections[0].how() if connections else "nothing was sent"
    sent = sum(connection.sent_bytes for connection in connections)
    report.check(
        attack.name, not wrong, wrong[0] if wrong else f"{sample}; {number} connections, {sent / 2**20:.1f} MiB sent"
    )
    slow = max((connection.seconds for connection in connections if connection.ended), default=0)
    report.check(
        f"    memory, {attack.name}",
        watch.growth < harness.GROWTH_MAX and host.alive(),
        f"{watch.figures()}, {used:.1f} s of processor, slowest end {slow:.1f} s",
    )
    canaries.check(report, attack.name)
    for connection in connections:
        connection.close()


def warm_up(host, ports):
    """Lets pools and buffers reach their size, so that what grows later is the attack's."""
    for _ in range(2):
        connection = Hostile(ports[False], window=1 << 24)
        for path in ["/large", "/hello", "/sleeps?ms=200"]:
            first = 1 + 2 * len(connection.finished | connection.resets.keys())
            block = head(path)
            asked = b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in streams(90, first))
            connection.pump(
                [window_update(0, 1 << 30), asked] if first == 1 else [asked],
                10,
                until=lambda: given_up(connection, 90 + first // 2),
            )
        connection.close()


def trust(authority):
    context = ssl.create_default_context(cafile=authority.certificate)
    context.set_alpn_protocols(["h2"])
    return context


def elsewhere(options, limits):
    """Attacks a server that is not ours and says what became of it."""
    for attack in ATTACKS:
        if options.only in attack.name and not attack.tls:
            connections, faults = carry_out(attack, options.connections, {False: options.target}, None, limits)
            print(f"{attack.name}: {connections[0].how() if connections else ''} {'; '.join(faults)}", flush=True)


def main():
    options = harness.arguments(
        __doc__,
        only={"default": "", "help": "attacks whose name contains this"},
        connections={"type": int, "default": 4, "help": "hostile connections at once"},
        target={"type": int, "help": "the port of another server to attack"},
    )
    limits = QUICK if options.quick else LIMITS
    if options.target:
        return elsewhere(options, limits)
    report = harness.Report()
    written = {key: f"{value}s" for key, value in limits.items()}
    listeners = {
        "plain": harness.Listener(),
        "h2c": harness.Listener(h2c=True, limits=written),
        "tls": harness.Listener(tls=["localhost"], limits=written),
    }
    host = harness.Host(options, report, listeners)
    authority = harness.Authority(host.folder)
    authority.issue("localhost", "localhost", "127.0.0.1")
    ca = host.folder / "ca.pem"
    with host:
        ports = {False: host.port("h2c"), True: host.port("tls")}
        warm_up(host, ports)
        canaries = harness.Canaries(
            harness.Canary("h1", host.port("plain")),
            harness.Canary("h2", ports[False]),
            harness.Canary("h1-tls", ports[True], ca=ca),
            harness.Canary("h2-tls", ports[True], ca=ca),
        )
        with canaries:
            for attack in ATTACKS:
                if options.only in attack.name:
                    assault(report, host, canaries, attack, options.connections, ports, trust(authority), limits)
    report.end()


if __name__ == "__main__":
    main()
