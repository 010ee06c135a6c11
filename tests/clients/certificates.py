"""Replaces a certificate and its key again and again under load.

    python3 tests/clients/certificates.py target/release/hostel [--quick] [--times N]

Each time both files are replaced by renaming new ones over them, the key first, so that for a moment
they do not belong together. Meanwhile clients of HTTP/1.1 and HTTP/2 connect anew every few requests
and check what they are shown, and h2load keeps connections busy. No request may fail, and every one
of the certificates must come to be served.
"""

import os
import re
import socket
import ssl
import subprocess
import time

import harness


def serial(port, context):
    """The serial number of the certificate that a new connection is shown."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            return int(connection.getpeercert()["serialNumber"], 16)


def by_openssl(host, port):
    """The same as openssl sees it."""
    shown = harness.run(
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{port}",
        "-servername",
        "localhost",
        "-CAfile",
        host.folder / "ca.pem",
        "-verify_return_error",
    )
    read = harness.run("openssl", "x509", "-noout", "-serial", input=shown.stdout)
    found = re.search(r"serial=([0-9A-F]+)", read.stdout)
    return int(found[1], 16) if found else None


def load(port, seconds, *arguments):
    """h2load with kept connections; on its own it neither connects anew nor looks at certificates."""
    command = ["h2load", "-D", str(seconds), "-c", "4", *arguments, f"https://localhost:{port}/hello"]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )


def replaced(report, host, authority, port, times):
    """Replaces the certificate so often; returns how long each took to be served."""
    context = ssl.create_default_context(cafile=authority.certificate)
    waits, mixed = [], 0
    for number in range(times):
        new = authority.issue("next", "localhost", "127.0.0.1")
        old = serial(port, context)
        began = time.monotonic()
        os.rename(host.folder / "next.key", host.folder / "localhost.key")
        if number % 10 == 9:
            # Long enough for the host to find the pair broken: it must stay with the old one.
            time.sleep(0.7)
            mixed += serial(port, context) == old
            began = time.monotonic()
        os.rename(host.folder / "next.pem", host.folder / "localhost.pem")
        if not harness.eventually(lambda: serial(port, context) == new, 10, every=0.05):
            report.note(f"replacement {number + 1} was not served within 10 s")
            continue
        waits.append(time.monotonic() - began)
        if number % 10 == 0 and by_openssl(host, port) != new:
            report.check("openssl sees the new one, too", False, f"replacement {number + 1}")
    broken = times // 10
    report.check(
        "while key and certificate do not fit, the old pair is served", mixed == broken, f"{mixed} of {broken} times"
    )
    return waits


def main():
    options = harness.arguments(__doc__, times={"type": int, "help": "how often"})
    times = options.times or (10 if options.quick else 100)
    report = harness.Report()
    host = harness.Host(options, report, {"tls": harness.Listener(tls=["localhost"])})
    authority = harness.Authority(host.folder)
    authority.issue("localhost", "localhost", "127.0.0.1")
    with host:
        port = host.port("tls")
        every = {"ca": authority.certificate, "reconnect": 5, "pause": 0.002}
        with (
            harness.Watch(host) as watch,
            harness.Canaries(
                harness.Canary("h1-tls", port, **every), harness.Canary("h2-tls", port, **every)
            ) as canaries,
        ):
            seconds = 3 + times
            loads = [load(port, seconds, "--h1"), load(port, seconds, "-m", "2")]
            waits = replaced(report, host, authority, port, times)
            canaries.check(report, f"{times} certificates")
            connections = len(canaries.ports())
        for kind, process in zip(["h1", "h2"], loads):
            words, _ = process.communicate(timeout=seconds + 30)
            counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", words)
            fine = counts and int(counts[1]) > 0 and counts.groups()[1:] == ("0", "0", "0")
            report.check(f"h2load, {kind}, meanwhile", fine, counts[0] if counts else words[-200:])
        slowest = f"served after {max(waits):.2f} s at most" if waits else ""
        report.check(
            f"all {times} certificates were served",
            len(waits) == times,
            f"{len(waits)}, {slowest}; {connections} handshakes of canaries; {watch.figures()}",
        )
    report.end()


if __name__ == "__main__":
    main()
