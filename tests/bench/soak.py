"""Asks a host for one user over many connections for a minute and watches its memory.

    python3 tests/bench/soak.py target/release/hostel

starts that host on a copy of examples/shop (whose components must be built), registers a user, and
keeps 500 connections busy with `GET /user/1`, each sending its next request once it has its answer.
Prints requests, errors, and the host's resident memory at a third of the time and at its end. Ends
with 1 on any error, on an answer that is not 200, or if the two memories differ by more than 5 %.

The client has one thread and competes with the host for processors: its rate is no benchmark.
"""

import argparse
import asyncio
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

PROJECT = pathlib.Path(__file__).resolve().parents[2]
# How far memory may move between a third of the time and its end.
MEMORY_DRIFT = 0.05
# Seconds for what is still unanswered at the end, and for the host to start and to stop.
PATIENCE = 30


class Tally:
    """What all connections together have seen."""

    def __init__(self):
        self.answers = 0
        self.wrong = {}
        self.slowest = 0.0

    def note(self, wrong):
        self.wrong[wrong] = self.wrong.get(wrong, 0) + 1


class Connection(asyncio.Protocol):
    """One keep-alive connection that asks again whenever it is answered, until `until`."""

    def __init__(self, request, expected, until, tally):
        self.request, self.expected, self.until, self.tally = request, expected, until, tally
        self.done = asyncio.get_running_loop().create_future()
        self.received = b""
        self.asked_at = None

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        self.asked_at = time.monotonic()
        if self.asked_at >= self.until:
            self.asked_at = None
            self.finish()
            return
        self.transport.write(self.request)

    def finish(self):
        self.transport.close()
        if not self.done.done():
            self.done.set_result(None)

    def data_received(self, data):
        self.received += data
        head, separator, rest = self.received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
        if length is None:
            self.tally.note("an answer without content-length")
            self.finish()
            return
        if len(rest) < int(length[1]):
            return
        self.received = b""
        self.tally.answers += 1
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - self.asked_at)
        if not head.startswith(b"HTTP/1.1 200 "):
            self.tally.note(head.split(b"\r\n")[0].decode("latin-1"))
        elif rest != self.expected:
            self.tally.note("another body")
        self.ask()

    def connection_lost(self, error):
        if not self.done.done():
            self.tally.note(f"connection lost: {error or 'closed by the host'}")
            self.done.set_result(None)


class Host:
    """A host on a copy of the shop, on a port that the system chose."""

    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory(prefix="hostel-soak-")
        shop = (PROJECT / "examples/shop/hostel.toml").read_text(encoding="utf-8")
        shop = shop.replace("127.0.0.1:8080", "127.0.0.1:0").replace("../../", f"{PROJECT}/")
        (pathlib.Path(self.folder.name) / "hostel.toml").write_text(shop, encoding="utf-8")
        self.process = subprocess.Popen(
            [binary, "up", self.folder.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.port = self.read_port()

    def read_port(self):
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            served = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if served:
                return int(served[1])
        raise SystemExit("the host did not start:\n" + "".join(seen))

    def resident(self):
        """Bytes of the host's memory that are in RAM."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)
        self.folder.cleanup()
        return self.process.returncode


def register(port):
    """Makes user 1 and returns what the host answers about them."""
    body = json.dumps({"username": "alice", "password": "correct horse"}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/register", data=body) as answer:
        assert json.load(answer)["user_id"] == 1
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/user/1") as answer:
        return answer.read()


async def soak(host, connections, seconds):
    """Returns the tally and the resident memory at a third of the time and at its end."""
    tally = Tally()
    expected = register(host.port)
    request = f"GET /user/1 HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    until = began + seconds

    async def connect():
        make = lambda: Connection(request, expected, until, tally)  # noqa: E731
        try:
            _, connection = await loop.create_connection(make, "127.0.0.1", host.port)
        except OSError as error:
            tally.note(f"no connection: {error}")
            return
        try:
            await asyncio.wait_for(connection.done, seconds + PATIENCE)
        except asyncio.TimeoutError:
            tally.note("no answer")

    work = [asyncio.create_task(connect()) for _ in range(connections)]
    memory = []
    for share in (1 / 3, 1):
        await asyncio.sleep(began + seconds * share - time.monotonic())
        memory.append(host.resident())
    await asyncio.gather(*work)
    return tally, memory


def report(tally, memory, connections, seconds):
    errors = sum(tally.wrong.values())
    mib = [f"{bytes / 2**20:.1f} MiB" for bytes in memory]
    drift = memory[1] / memory[0] - 1
    print(f"connections      {connections} for {seconds:g} s")
    print(f"requests         {tally.answers} ({tally.answers / seconds:.0f} a second), slowest {tally.slowest:.3f} s")
    print(f"errors           {errors}")
    for wrong, count in sorted(tally.wrong.items()):
        print(f"                 {count} x {wrong}")
    print(f"resident memory  {mib[0]} at {seconds / 3:g} s, {mib[1]} at {seconds:g} s: {drift:+.1%}")
    return errors == 0 and tally.answers > 0 and abs(drift) <= MEMORY_DRIFT


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the host to start")
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    host = Host(arguments.binary)
    try:
        tally, memory = asyncio.run(soak(host, arguments.connections, arguments.seconds))
    finally:
        status = host.stop()
    print(f"host ended with  {status}")
    good = report(tally, memory, arguments.connections, arguments.seconds)
    return 0 if good and status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
