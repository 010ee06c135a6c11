"""Reads the admin plane with the tools that people use for it.

    python3 tests/clients/admin.py target/release/hostel [--quick]

The OpenMetrics parser of prometheus_client reads `/metrics`; Debian's Prometheus scrapes it with the
token from its file; schemathesis tries everything the OpenAPI document allows and what it does not;
`hostel status`, `hostel routes` and `hostel explain` tell what can be parsed.
"""

import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

import harness


def get(url, token=None, **headers):
    """Status, headers and body."""
    request = urllib.request.Request(url, headers=headers | ({"Authorization": f"Bearer {token}"} if token else {}))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def doors(report, host, base, token):
    """Who is let in."""
    for name, wanted, asked in [
        ("with the token", 200, get(base + "/v1/services", token)),
        ("without it", 401, get(base + "/v1/services")),
        ("with another", 401, get(base + "/v1/services", "0" * len(token))),
        ("without it, /livez", 200, get(base + "/livez")),
        ("without it, /readyz", 200, get(base + "/readyz")),
        ("without it, /readyz?verbose", 401, get(base + "/readyz?verbose")),
        ("for another host", 403, get(base + "/v1/services", token, Host="admin.example")),
        ("from a page of elsewhere", 403, get(base + "/v1/services", token, Origin="https://evil.example")),
    ]:
        report.check(f"over TCP, {name}: {wanted}", asked[0] == wanted, f"{asked[0]}")
    state = host.folder / ".hostel"
    for name in ["admin.sock", "admin.token"]:
        mode = stat.S_IMODE((state / name).stat().st_mode)
        report.check(f"{name} is for its own user alone", mode == 0o600, f"{mode:o}")
    report.check("over the Unix socket no token is needed", host.admin("/v1/services")[0] == 200)


def with_parser(report, host, base, token):
    status, headers, text = get(base + "/metrics", token)
    kind = headers.get("Content-Type", "")
    families = []
    try:
        families = list(text_string_to_metric_families(text))
        fault = ""
    except ValueError as error:
        fault = f"; {error}"
    samples = sum(len(family.samples) for family in families)
    report.check(
        "OpenMetrics parser",
        status == 200 and len(families) > 5 and not fault and "openmetrics-text" in kind,
        f"{status}, {len(families)} families, {samples} samples, {kind}{fault}",
    )
    # A second reading must tell of the requests between the two.
    counted = lambda: host.metric("hostel_requests_total") or 0
    before = counted()
    for _ in range(5):
        urllib.request.urlopen(f"http://127.0.0.1:{host.port('plain')}/hello", timeout=10).read()
    harness.eventually(lambda: counted() == before + 5, 5)
    report.check("requests are counted", counted() == before + 5, f"{before:.0f} before, {counted():.0f} after 5 more")


def with_prometheus(report, base, token_file):
    """Debian's Prometheus with one target, until it has scraped it twice."""
    with tempfile.TemporaryDirectory(prefix="hostel-prometheus-") as folder:
        folder = pathlib.Path(folder)
        target = base.removeprefix("http://")
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: hostel\n"
            f"  authorization: {{credentials_file: {json.dumps(str(token_file))}}}\n"
            f"  static_configs: [{{targets: ['{target}']}}]\n",
            encoding="utf-8",
        )
        port = harness.free_ports(1)[0]
        own = f"http://127.0.0.1:{port}/api/v1"
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            harness.eventually(lambda: asked(own, "count_over_time(up[1m])") >= 2, 60, every=0.5)
            up, samples = asked(own, "up"), asked(own, "scrape_samples_scraped")
            error = targets(own)
            report.check(
                "prometheus scrapes it",
                up == 1 and samples > 5 and not error,
                f"up {up:.0f}, {samples:.0f} samples{error}",
            )
            known = asked(own, "count({__name__=~'hostel_.+'})")
            report.check("prometheus knows the metrics", known > 5, f"{known:.0f} series")
        finally:
            process.terminate()
            process.wait(30)


def asked(own, query):
    """The value of one query, -1 without one."""
    try:
        _, _, text = get(f"{own}/query?query={urllib.request.quote(query)}")
        results = json.loads(text)["data"]["result"]
        return float(results[0]["value"][1]) if results else -1
    except (OSError, ValueError, KeyError):
        return -1


def targets(own):
    """What Prometheus says went wrong."""
    _, _, text = get(f"{own}/targets")
    errors = [each["lastError"] for each in json.loads(text)["data"]["activeTargets"] if each["lastError"]]
    return f"; {errors}" if errors else ""


def with_schemathesis(report, host, base, token, quick):
    """Everything the document says about requests and answers, tried out."""
    examples = 25 if quick else 200
    # Beside this interpreter: both are of one virtual environment.
    program = pathlib.Path(sys.executable).parent / "schemathesis"
    settings = pathlib.Path(__file__).parent / "schemathesis"
    document = host.folder / "openapi.json"
    document.write_text(get(base + "/openapi.json", token)[2], encoding="utf-8")
    command = [
        program,
        "--config-file",
        settings / "schemathesis.toml",
        "run",
        document,
        "--url",
        base,
        "--max-examples",
        examples,
        "--seed",
        1,
        "--no-color",
        "--request-timeout",
        10,
    ]
    here = {"NO_COLOR": "1", "HOSTEL_TOKEN": token, "SCHEMATHESIS_HOOKS": str(settings / "hooks.py")}
    done = harness.run(*command, timeout=600, cwd=host.folder, env=os.environ | here)
    summary = [
        line.strip()
        for line in done.stdout.splitlines()
        if "generated" in line or "passed" in line or "Operations" in line
    ]
    report.check(f"schemathesis, {examples} examples", done.returncode == 0, "; ".join(summary[-3:]))
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()
        failures = [place for place, line in enumerate(lines) if " FAILURES " in line]
        # What failed and how to repeat it comes first, and warnings of many lines after it.
        begin = failures[0] if failures else max(len(lines) - 60, 0)
        for line in lines[begin : begin + 60]:
            report.note(line.replace(str(host.folder), "FOLDER").replace(token, "TOKEN"))


def documented(report, base, token):
    """The document names every resource that there is."""
    status, _, text = get(base + "/openapi.json", token)
    paths = json.loads(text)["paths"] if status == 200 else {}
    wanted = {"/livez", "/readyz", "/metrics", "/v1/services", "/v1/routes", "/v1/limits"}
    report.check("/openapi.json names what there is", wanted <= paths.keys(), f"{status}, {len(paths)} paths")
    for path in wanted:
        status, _, _ = get(base + path, token)
        report.check(f"GET {path}", status == 200, f"{status}")


def told(report, options, host, base, token):
    """The commands, by the state folder, by the socket, and by TCP."""
    url = f"http://localhost:{host.port('plain')}/hello"
    state = host.folder / ".hostel"
    ways = [
        ("in its folder", [], {"cwd": host.folder}),
        ("by --admin", ["--admin", state / "admin.sock"], {}),
        ("by HOSTEL_ADMIN", [], {"env": os.environ | {"HOSTEL_ADMIN": str(state / "admin.sock")}}),
    ]
    for name, more, how in ways:
        for command, member in [(["status"], "services"), (["routes"], "routes"), (["explain", "GET", url], None)]:
            done = harness.run(options.binary, *command, "--json", *more, **how)
            try:
                answer = json.loads(done.stdout)
            except ValueError:
                answer = None
            fine = done.returncode == 0 and answer and (member is None or member in answer) and "hello" in done.stdout
            report.check(
                f"hostel {command[0]} --json, {name}",
                fine,
                f"status {done.returncode}, {len(done.stdout)} bytes {done.stderr[:200]}",
            )
    for command in [["status"], ["routes"], ["explain", "GET", url], ["explain", "POST", url + "/nothing"]]:
        done = harness.run(options.binary, *command, cwd=host.folder)
        report.check(
            f"hostel {' '.join(command[:2])}, for people",
            done.stdout and "Traceback" not in done.stderr,
            f"status {done.returncode}",
        )


def independent(report, host, base):
    """`/livez` answers at once while guests take all processors."""
    url, statuses = f"http://127.0.0.1:{host.port('plain')}/spins", []
    threads = [threading.Thread(target=lambda: statuses.append(get(url)[0])) for _ in range(16)]
    for thread in threads:
        thread.start()
    slowest = 0.0
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        status, _, _ = get(base + "/livez")
        slowest = max(slowest, time.monotonic() - began)
        if status != 200:
            report.check("/livez while guests spin", False, f"{status}")
    report.check("guests that spin are stopped", statuses == [504] * 16, f"{sorted(statuses)}")
    report.check("/livez while guests spin", slowest < 1, f"slowest {slowest * 1000:.0f} ms")


def main():
    options = harness.arguments(__doc__)
    report = harness.Report()
    services = harness.SERVICES | {"spins": ("examples/loops_forever_p2.wasm", ["/spins"], "")}
    host = harness.Host(options, report, {"plain": harness.Listener()}, services=services, admin=True)
    with host:
        base = f"http://127.0.0.1:{host.admin_port}"
        token_file = host.folder / ".hostel" / "admin.token"
        harness.eventually(token_file.exists, 5)
        token = token_file.read_text(encoding="ascii").strip()
        doors(report, host, base, token)
        with_parser(report, host, base, token)
        documented(report, base, token)
        told(report, options, host, base, token)
        independent(report, host, base)
        with_prometheus(report, base, token_file)
        with_schemathesis(report, host, base, token, options.quick)
    report.end()


if __name__ == "__main__":
    main()
