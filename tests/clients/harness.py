"""Starts a host on a temporary folder, watches its process, and keeps the score of the checks.

Every script of this folder uses it: a `Host` with listeners on free ports and services made of the
tests' guests, a `Watch` on its memory, a `Canary` that asks for a greeting in a process of its own
while something else goes on, and a `Report` that prints one line for each check.
"""

import argparse
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
GREETING = b"Hello, World!\n"
# Seconds for the host to start, to stop, and for one answer that is not measured.
PATIENCE = 60
# By how much attacks may make the host grow.
GROWTH_MAX = 64 * 1024 * 1024

# Services by name: the guest, its routes, what its table says besides.
SERVICES = {
    "hello": ("hello_p2.wasm", ["/hello"], ""),
    "hello3": ("hello_p3.wasm", ["/hello3"], ""),
    "echo": ("examples/echo_p2.wasm", ["/echo"], ""),
    # The guest never ends its body; the host ends it after 8 MiB.
    "large": ("examples/endless_body_p2.wasm", ["/large"], 'limits = { response_body = "8MiB" }'),
    "sleeps": ("examples/sleeps_p2.wasm", ["/sleeps"], ""),
}


def arguments(description, **more):
    """Reads the command line: what every script takes, and `more` options of this one."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the host, as in target/release/hostel")
    parser.add_argument("--guests", help="the folder of the built guests; beside the host's own if not given")
    parser.add_argument("--quick", action="store_true", help="shorter limits and smaller numbers")
    for name, options in more.items():
        parser.add_argument("--" + name.replace("_", "-"), **options)
    options = parser.parse_args()
    options.binary = pathlib.Path(options.binary).resolve()
    guests = options.guests or options.binary.parent.parent / "guests/wasm32-wasip2/release"
    options.guests = pathlib.Path(guests).resolve()
    if not options.binary.is_file():
        raise SystemExit("there is no host; `cargo build --release` makes it")
    if not (options.guests / SERVICES["hello"][0]).is_file():
        raise SystemExit("there are no guests; `cargo test --release -p hostel-tests --no-run` makes them")
    raise_open_files()
    return options


def raise_open_files():
    """Allows this process and what it starts as many open files as there may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_ports(number):
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def run(*command, **options):
    """The finished process of a command with its output as text; failing is for the caller to judge."""
    options = {
        "stdin": subprocess.DEVNULL,
        "capture_output": True,
        "encoding": "utf-8",
        "errors": "replace",
        "timeout": PATIENCE,
    } | options
    if options.get("input") is not None:
        options.pop("stdin")
    return subprocess.run([str(each) for each in command], check=False, **options)


def eventually(condition, seconds=PATIENCE, every=0.02):
    """Asks until `condition()` is true; returns what it was at last."""
    until = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < until:
        time.sleep(every)
    return value


class Authority:
    """A certificate authority of our own, and certificates that it signs, made with `openssl`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.certificate = self.folder / "ca.pem"
        self.serial = 1000
        self._openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "30",
            "-subj",
            "/CN=tests of clients",
        )

    def _openssl(self, *command):
        done = run("openssl", *command, cwd=self.folder)
        if done.returncode != 0:
            raise SystemExit(f"openssl {command[0]} failed: {done.stderr}")

    def issue(self, stem, *names, usage="serverAuth"):
        """Makes STEM.pem and STEM.key for `names` with a key and a serial of their own; returns the serial."""
        self.serial += 1
        names = [f"IP:{name}" if name[0].isdigit() else f"DNS:{name}" for name in names]
        (self.folder / f"{stem}.ext").write_text(
            f"subjectAltName={','.join(names)}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n", encoding="ascii"
        )
        self._openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            f"{stem}.key",
            "-out",
            f"{stem}.csr",
            "-subj",
            f"/CN={stem}",
        )
        self._openssl(
            "x509",
            "-req",
            "-in",
            f"{stem}.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-days",
            "20",
            "-set_serial",
            str(self.serial),
            "-extfile",
            f"{stem}.ext",
            "-out",
            f"{stem}.pem",
        )
        return self.serial


class Listener:
    """One `[[listener]]`: `h2c`, `tls` as names of certificates, and limits, on a free port."""

    def __init__(self, h2c=False, tls=(), client_ca=None, redirect=False, limits=None):
        self.h2c, self.tls, self.client_ca, self.limits = h2c, tls, client_ca, limits or {}
        self.port, *rest = free_ports(2 if redirect else 1)
        self.redirect_port = rest[0] if rest else None

    def text(self):
        lines = ["[[listener]]", f'address = "127.0.0.1:{self.port}"']
        if self.h2c:
            lines.append("h2c = true")
        if self.tls:
            pairs = ", ".join(f'{{ cert = "{stem}.pem", key = "{stem}.key" }}' for stem in self.tls)
            parts = [f"certificates = [{pairs}]"]
            if self.client_ca:
                parts.append(f'client_ca = "{self.client_ca}"')
            if self.redirect_port:
                parts.append(f'redirect_from = "127.0.0.1:{self.redirect_port}"')
            lines.append(f"tls = {{ {', '.join(parts)} }}")
        if self.limits:
            pairs = (f"{key} = {json.dumps(value)}" for key, value in self.limits.items())
            lines.append(f"limits = {{ {', '.join(pairs)} }}")
        return "\n".join(lines) + "\n"


class Host:
    """A host with `listeners` by name; `with Host(…) as host` stops it and checks how it ended."""

    def __init__(self, options, report, listeners, services=SERVICES, before=(), admin=False, folder=None):
        self.report, self.listeners = report, listeners
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="hostel-clients-"))
        self.guests, self.binary, self.before = options.guests, options.binary, before
        self.admin_port = free_ports(1)[0] if admin else None
        self.stopped = False
        (self.folder / "hostel.toml").write_text(self._configuration(services), encoding="utf-8")

    def _configuration(self, services):
        parts = ["version = 1\ndrop_in = false\n"]
        parts += [listener.text() for listener in self.listeners.values()]
        if self.admin_port:
            parts.append(f'[admin]\naddress = "127.0.0.1:{self.admin_port}"\n')
        for name, (guest, routes, more) in services.items():
            component = json.dumps(str(self.guests / guest))
            parts.append(f"[service.{name}]\ncomponent = {component}\nroutes = {json.dumps(routes)}\n{more}\n")
        return "\n".join(parts)

    def __enter__(self):
        self.errors = open(self.folder / "stderr", "wb")
        self.log = open(self.folder / "stdout", "wb")
        command = [*self.before, str(self.binary), "up", str(self.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.errors)
        self.pid = self.process.pid
        # Sockets are bound long before the services are there, so connecting proves nothing.
        if not eventually(lambda: self.process.poll() is not None or self.is_ready()) or not self.alive():
            self.process.kill()
            raise SystemExit(f"the host did not start:\n{self.words()}")
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and not self.stopped:
                self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.errors.close()
            self.log.close()
            if kind is not None or self.report.failed:
                print(f"      the host's last words:\n{self.words()}")
            shutil.rmtree(self.folder, ignore_errors=True)

    def words(self):
        """The end of what it wrote to standard error."""
        text = (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")
        return "\n".join("      " + line for line in text.splitlines()[-20:])

    def port(self, name):
        return self.listeners[name].port

    def stop(self):
        """Asks for its panics, sends SIGTERM and checks that it ends as it should."""
        panics = self.metric("hostel_host_panics_total")
        self.report.check("no panic of the host", panics == 0, f"hostel_host_panics_total {panics}")
        self.process.send_signal(signal.SIGTERM)
        self.ended()

    def ended(self):
        """Waits for its end after SIGTERM; returns the seconds that took."""
        self.stopped = True
        began = time.monotonic()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = "none"
        took = time.monotonic() - began
        self.report.check("SIGTERM ends the host with status 0", status == 0, f"status {status} after {took:.1f} s")
        return took

    def is_ready(self):
        try:
            return self.admin("/readyz")[0] == 200
        except OSError:
            return False

    def alive(self):
        return self.process.poll() is None

    def admin(self, path):
        """Status and body of a GET on the Unix socket of the admin plane."""
        connection = UnixConnection(self.folder / ".hostel" / "admin.sock")
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metric(self, name):
        """The sum of a metric over its labels; None if nobody tells it."""
        try:
            status, text = self.admin("/metrics")
        except OSError:
            return None
        values = re.findall(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.e+-]+)", text, re.MULTILINE) if status == 200 else []
        return sum(map(float, values)) if values else None

    def resident(self):
        """Bytes of its memory that are in RAM."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024

    def processor(self):
        """Seconds of processor time it used so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Watch:
    """Looks at the host's memory every 50 ms and keeps the peak."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        self.first = self.peak = self.host.resident()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()
        return self

    def _look(self):
        while not self.over.wait(0.05):
            try:
                self.peak = max(self.peak, self.host.resident())
            except (OSError, TypeError):
                return

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    @property
    def growth(self):
        return self.peak - self.first

    def figures(self):
        return f"memory {self.first / 2**20:.0f} MiB, at most {self.growth / 2**20:+.1f} MiB"


class Canary:
    """A client in a process of its own that asks for the greeting again and again (see `canary.py`)."""

    def __init__(self, kind, port, **options):
        self.name = kind
        command = [sys.executable, str(HERE / "canary.py"), kind, str(port)]
        for key, value in options.items():
            command += [f"--{key}", str(value)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        self.requests, self.errors, self.slowest, self.ports = 0, {}, 0.0, set()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        if not eventually(lambda: self.requests or self.errors, 10):
            self.errors["never answered"] = 1

    def _read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            self.requests += told.get("requests", 0)
            self.slowest = max(self.slowest, told.get("slowest", 0.0))
            if "port" in told:
                self.ports.add(told["port"])
            if "error" in told:
                self.errors[told["error"]] = self.errors.get(told["error"], 0) + 1

    def forget(self):
        """Begins to count anew."""
        self.requests, self.errors, self.slowest = 0, {}, 0.0

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.errors["did not stop"] = 1
        self.thread.join(5)


class Canaries:
    """Several of them, counted together."""

    def __init__(self, *canaries):
        self.all = canaries

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.all:
            each.stop()

    def forget(self):
        for each in self.all:
            each.forget()

    def ports(self):
        return set().union(*(each.ports for each in self.all))

    def check(self, report, while_what):
        """No error, and each of them was answered at all."""
        errors = {f"{each.name}: {text}": number for each in self.all for text, number in each.errors.items()}
        answered = all(each.requests for each in self.all)
        figures = "; ".join(
            f"{each.name} {each.requests} answers, slowest {each.slowest * 1000:.0f} ms" for each in self.all
        )
        report.check(f"canaries, {while_what}", not errors and answered, figures + (f"; {errors}" if errors else ""))


class Report:
    """One line for each check, and the exit status at the end."""

    def __init__(self):
        self.passed, self.failed = 0, 0
        self.began = time.monotonic()

    def check(self, name, fine, figures=""):
        if fine:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok  ' if fine else 'FAIL'}  {name}{': ' if figures else ''}{figures}", flush=True)
        return bool(fine)

    def note(self, text):
        print(f"      {text}", flush=True)

    def end(self):
        took = time.monotonic() - self.began
        print(f"{self.passed} checks passed, {self.failed} failed, {took:.0f} s", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)
