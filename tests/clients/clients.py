"""Asks a host with the clients that people use, and stops it while they ask.

    python3 tests/clients/clients.py target/release/hostel [--quick]

curl, Python's requests and httpx, openssl s_client and h2load, over HTTP/1.1 and HTTP/2, plain and
under TLS, with client certificates, redirects and several names. Last, SIGTERM while requests are
under way: each that the host had begun is answered, and it ends with status 0.
"""

import hashlib
import os
import re
import ssl
import threading

import httpx
import requests

import harness
from stopping import AskHttp1, AskHttp2

BODIES = [0, 1, 16_384, 65_537, 3_000_000]


def curl(port, *arguments, scheme="http", path="/hello", name="localhost"):
    """Status, version and body (or what went wrong) as curl sees them."""
    done = harness.run(
        "curl",
        "--silent",
        "--show-error",
        "--max-time",
        20,
        "--write-out",
        "\n%{http_code} %{http_version}",
        "--resolve",
        f"{name}:{port}:127.0.0.1",
        *arguments,
        f"{scheme}://{name}:{port}{path}",
    )
    body, _, summary = done.stdout.rpartition("\n")
    return summary, body if done.returncode == 0 else f"curl {done.returncode}: {done.stderr.strip()}"


def with_curl(report, host, ca):
    greeting = harness.GREETING.decode()
    rows = [
        ("h1, plain", host.port("plain"), "http", ["--http1.1"], "1.1"),
        ("HTTP/1.0, plain", host.port("plain"), "http", ["--http1.0"], "1"),
        ("h1 where h2 is possible", host.port("h2c"), "http", ["--http1.1"], "1.1"),
        ("h2 by prior knowledge", host.port("h2c"), "http", ["--http2-prior-knowledge"], "2"),
        ("h1 by ALPN", host.port("tls"), "https", ["--http1.1", "--cacert", ca], "1.1"),
        ("h2 by ALPN", host.port("tls"), "https", ["--http2", "--cacert", ca], "2"),
        ("TLS without ALPN", host.port("tls"), "https", ["--no-alpn", "--cacert", ca], "1.1"),
        ("TLS 1.2", host.port("tls"), "https", ["--tls-max", "1.2", "--cacert", ca], "2"),
    ]
    for name, port, scheme, arguments, version in rows:
        for path in ["/hello", "/hello3"]:
            summary, body = curl(port, *arguments, scheme=scheme, path=path)
            report.check(
                f"curl, {name}, {path}", summary == f"200 {version}" and body == greeting, f"{summary} {body.strip()}"
            )
    summary, body = curl(host.port("plain"), "--http2-prior-knowledge")
    report.check("curl, h2 where it is off, is refused", summary.startswith("000"), body)
    summary, body = curl(host.port("plain"), "--http2")
    report.check("curl, h2 asked for by Upgrade, gets HTTP/1.1", (summary, body) == ("200 1.1", greeting), summary)
    summary, body = curl(host.port("tls"), "--head", "--http2", "--cacert", ca, scheme="https")
    report.check("curl, HEAD over h2", summary == "200 2" and "Hello" not in body, f"{summary} {body[:200].strip()}")
    data = host.folder / "large.body"
    data.write_bytes(os.urandom(8 * 1024 * 1024))
    for version, port, scheme, more in [
        ("--http1.1", "plain", "http", []),
        ("--http2-prior-knowledge", "h2c", "http", []),
        ("--http2", "tls", "https", ["--cacert", ca]),
    ]:
        back = host.folder / "large.back"
        summary, _ = curl(
            host.port(port), version, *more, "--data-binary", f"@{data}", "--output", back, scheme=scheme, path="/echo"
        )
        same = back.exists() and back.read_bytes() == data.read_bytes()
        report.check(f"curl, 8 MiB there and back, {version[2:]}", summary.startswith("200") and same, summary)
        back.unlink(missing_ok=True)


def with_certificates_of_clients(report, host, ca):
    known = ["--cert", host.folder / "client.pem", "--key", host.folder / "client.key"]
    stranger = ["--cert", host.folder / "stranger.pem", "--key", host.folder / "stranger.key"]
    port = host.port("clients")
    for version in ["--http1.1", "--http2"]:
        summary, body = curl(port, version, "--cacert", ca, *known, scheme="https")
        report.check(f"client certificate, {version[2:]}", summary.startswith("200"), f"{summary} {body.strip()}")
    for name, arguments in [("none", []), ("of another authority", stranger)]:
        for version in ["1.2", "1.3"]:
            summary, body = curl(port, "--cacert", ca, "--tls-max", version, *arguments, scheme="https")
            report.check(f"client certificate, {name}, TLS {version}: refused", summary.startswith("000"), body)


def redirects(report, host, ca):
    port, target = host.listeners["tls"].redirect_port, host.port("tls")
    answer = requests.get(f"http://localhost:{port}/hello?a=b%20c", allow_redirects=False, timeout=10)
    location = answer.headers.get("location")
    wanted = f"https://localhost:{target}/hello?a=b%20c"
    report.check(
        "redirect to https", answer.status_code in (301, 308) and location == wanted, f"{answer.status_code} {location}"
    )
    answer = requests.post(f"http://localhost:{port}/echo", data=b"x", allow_redirects=False, timeout=10)
    report.check("redirect keeps the method", answer.status_code == 308, f"{answer.status_code}")
    summary, body = curl(port, "--location", "--cacert", ca)
    report.check("curl follows it", summary.startswith("200") and body == harness.GREETING.decode(), summary)
    broken = harness.run(
        "curl",
        "--silent",
        "--max-time",
        10,
        "--output",
        os.devnull,
        "--write-out",
        "%{http_code}",
        "--header",
        "Host:",
        f"http://127.0.0.1:{port}/hello",
    )
    report.check("redirect without a Host is refused", broken.stdout == "400", broken.stdout)


def with_python(report, host, ca):
    """Bodies of several sizes there and back, with connections kept."""
    for name, base, verify in [
        ("plain", f"http://localhost:{host.port('plain')}", True),
        ("TLS", f"https://localhost:{host.port('tls')}", str(ca)),
    ]:
        with requests.Session() as session:
            session.verify, session.trust_env = verify, False
            same = [echoed(session.post, base, size) for size in BODIES]
            streamed = session.post(base + "/echo", data=(b"part" for _ in range(1_000)), timeout=20)
            fine = all(same) and streamed.content == b"part" * 1_000
            report.check(f"requests, {name}, bodies up to {max(BODIES)} bytes", fine, f"{same}")
    context = ssl.create_default_context(cafile=ca)
    for name, listener, scheme, options, version in [
        ("h1", "plain", "http", {}, "HTTP/1.1"),
        ("h1 under TLS", "tls", "https", {}, "HTTP/1.1"),
        ("h2", "h2c", "http", {"http1": False, "http2": True}, "HTTP/2"),
        ("h2 under TLS", "tls", "https", {"http2": True}, "HTTP/2"),
    ]:
        with httpx.Client(verify=context, trust_env=False, timeout=20, **options) as client:
            base = f"{scheme}://localhost:{host.port(listener)}"
            same = [echoed(client.post, base, size) for size in BODIES]
            answer = client.get(base + "/hello")
            fine = all(same) and answer.content == harness.GREETING and answer.http_version == version
            report.check(f"httpx, {name}, bodies up to {max(BODIES)} bytes", fine, f"{answer.http_version} {same}")


def echoed(post, base, size):
    body = os.urandom(size)
    answer = post(base + "/echo", **{"data" if post.__module__.startswith("requests") else "content": body})
    return answer.status_code == 200 and hashlib.sha256(answer.content).digest() == hashlib.sha256(body).digest()


def at_once(report, host, ca):
    """A hundred requests on one connection of HTTP/2, from as many threads."""
    context = ssl.create_default_context(cafile=ca)
    with httpx.Client(
        verify=context, http2=True, trust_env=False, timeout=20, limits=httpx.Limits(max_connections=1)
    ) as client:
        statuses = []
        ask = lambda: statuses.append(client.get(f"https://localhost:{host.port('tls')}/hello").status_code)
        threads = [threading.Thread(target=ask) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report.check(
        "httpx, 100 requests at once on one h2 connection", statuses == [200] * 100, f"{len(statuses)} answers"
    )


def s_client(host, *arguments, port="tls", request=b""):
    done = harness.run(
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{host.port(port)}",
        "-CAfile",
        host.folder / "ca.pem",
        *arguments,
        input=request.decode(),
        timeout=15,
    )
    return done.returncode, done.stdout + done.stderr


def with_openssl(report, host):
    for name, arguments, wanted in [
        ("without ALPN", [], "No ALPN negotiated"),
        ("ALPN h2", ["-alpn", "h2"], "ALPN protocol: h2"),
        ("ALPN http/1.1", ["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
        ("ALPN both", ["-alpn", "http/1.1,h2"], "ALPN protocol: h2"),
        ("TLS 1.2", ["-tls1_2"], r"Protocol *: TLSv1\.2|New, TLSv1\.2"),
        ("TLS 1.3", ["-tls1_3"], r"New, TLSv1\.3"),
        ("name localhost", ["-servername", "localhost"], "CN ?= ?localhost"),
        ("name a.test", ["-servername", "a.test"], r"subject=CN ?= ?a\b"),
        ("name b.test", ["-servername", "b.test"], r"subject=CN ?= ?b\b"),
        ("name x.wild.test", ["-servername", "x.wild.test"], "subject=CN ?= ?wild"),
        ("no name", ["-noservername"], "subject=CN ?= ?localhost"),
    ]:
        status, words = s_client(host, *arguments)
        fine = status == 0 and re.search(wanted, words) and "Verify return code: 0 (ok)" in words
        report.check(f"openssl, {name}", fine, wanted if fine else f"{status}: {words[-200:]!r}")
    for version in ["-tls1", "-tls1_1"]:
        status, words = s_client(host, version, "-cipher", "ALL:@SECLEVEL=0")
        alert = re.search(r"alert [a-z ]+", words)
        report.check(
            f"openssl, {version} is refused",
            status != 0 and alert,
            alert[0] if alert else words[-200:],
        )
    status, words = s_client(host, "-alpn", "nothing/1.0")
    report.check(
        "openssl, an ALPN we do not speak is refused",
        status != 0 and "no application protocol" in words,
        f"status {status}",
    )
    _, words = s_client(
        host, "-quiet", "-ign_eof", request=b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    report.check("openssl, a request without ALPN", "HTTP/1.1 200" in words and "Hello, World!" in words)
    _, words = s_client(host, "-status", "-reconnect", "-tls1_2")
    report.note(f"openssl, sessions resumed: {words.count('Reused, TLSv1.2')} of 5")


def names(report, host, ca):
    """Whose certificate was chosen by the TLS name must be whose host is asked for."""
    for version in ["--http1.1", "--http2"]:
        right, _ = curl(host.port("tls"), version, "--cacert", ca, scheme="https", name="a.test")
        wrong, _ = curl(
            host.port("tls"), version, "--cacert", ca, "--header", "Host: b.test", scheme="https", name="a.test"
        )
        report.check(f"name and authority agree, {version[2:]}", right.startswith("200"), right)
        report.check(f"name and authority disagree, {version[2:]}", wrong.startswith("421"), wrong)


def with_h2load(report, host, quick):
    number = 4_000 if quick else 20_000
    for name, arguments, url in [
        ("h2c", [], f"http://localhost:{host.port('h2c')}/hello"),
        ("h2 under TLS", [], f"https://localhost:{host.port('tls')}/hello"),
        ("h1", ["--h1"], f"http://localhost:{host.port('plain')}/hello"),
        ("h1 under TLS", ["--h1"], f"https://localhost:{host.port('tls')}/hello"),
        ("h2c, WASI 0.3", [], f"http://localhost:{host.port('h2c')}/hello3"),
    ]:
        streams = 1 if arguments else 4
        # Together fewer than one service may run at once, so that none is turned away.
        done = harness.run("h2load", "-n", number, "-c", 8, "-m", streams, *arguments, url, timeout=300)
        counts = re.search(
            r"requests: (\d+) total.* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout
        )
        codes = re.search(r"status codes: (\d+) 2xx", done.stdout)
        rate = re.search(r"([\d.]+) req/s", done.stdout)
        fine = counts and codes and counts[2] == codes[1] == str(number) and counts[3] == "0"
        report.check(f"h2load, {name}", fine, f"{counts[0]}; {rate[0]}" if counts and rate else done.stderr[-200:])


def stopped(report, host):
    """SIGTERM while connections of each kind ask for answers that take a tenth of a second.

    Together they ask for fewer than the service may run at once: nothing waits in a queue.
    """
    number = 9
    askers = [AskHttp1(host.port("plain")) for _ in range(number)] + [AskHttp2(host.port("h2c")) for _ in range(number)]
    for asker in askers:
        asker.start()
    harness.eventually(lambda: all(asker.begun >= 3 for asker in askers))
    host.report.check("no panic of the host", host.metric("hostel_host_panics_total") == 0)
    host.process.terminate()
    took = host.ended()
    for asker in askers:
        asker.join(20)
    report.check("it ends soon after the last answer", took < 5, f"{took:.1f} s")
    for kind in [AskHttp1, AskHttp2]:
        mine = [asker for asker in askers if isinstance(asker, kind)]
        failed = [text for asker in mine for text in asker.failed]
        told = sum(asker.told for asker in mine)
        unbegun = sum(asker.unbegun for asker in mine)
        answered = sum(asker.answered for asker in mine)
        figures = f"{answered} answered, {told} of {number} connections told, {unbegun} not begun"
        report.check(f"SIGTERM under load, {kind.NAME}: no request failed", not failed, f"{figures} {failed[:3]}")
        report.check(f"SIGTERM under load, {kind.NAME}: {kind.GOODBYE}", told > number / 2, figures)


def main():
    options = harness.arguments(__doc__)
    report = harness.Report()
    listeners = {
        "plain": harness.Listener(),
        "h2c": harness.Listener(h2c=True),
        "tls": harness.Listener(tls=["localhost", "a", "b", "wild"], redirect=True),
        "clients": harness.Listener(tls=["localhost"], client_ca="ca.pem"),
    }
    host = harness.Host(options, report, listeners)
    authority = harness.Authority(host.folder)
    for stem, *others in [
        ("localhost", "localhost", "127.0.0.1"),
        ("a", "a.test"),
        ("b", "b.test"),
        ("wild", "*.wild.test"),
    ]:
        authority.issue(stem, *others)
    authority.issue("client", "client.test", usage="clientAuth")
    other = host.folder / "other"
    other.mkdir()
    harness.Authority(other).issue("stranger", "stranger.test", usage="clientAuth")
    for end in ["pem", "key"]:
        (other / f"stranger.{end}").rename(host.folder / f"stranger.{end}")
    ca = authority.certificate
    with host:
        with_curl(report, host, ca)
        with_certificates_of_clients(report, host, ca)
        redirects(report, host, ca)
        with_python(report, host, ca)
        at_once(report, host, ca)
        with_openssl(report, host)
        names(report, host, ca)
        with_h2load(report, host, options.quick)
        stopped(report, host)
    report.end()


if __name__ == "__main__":
    main()
