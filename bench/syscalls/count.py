"""Counts the system calls per request of the core and of its app process; see `run.sh`.

strace makes every call many times slower, so that an END which waits 50 us for READY often waits in
vain and is written alone. The writes of the app process are therefore counted a second time by
perf, which slows nothing down.
"""

import argparse
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402

APPS = {
    "bare list": "hello:app",
    "generator with close()": "generator:app",
    "Flask": "flask_app:app",
    "Django": "django_app:app",
}
MERGE_US = (0, 50)
# Calls rarer than this per request are of the server's own life: timers, the status.
RARE = 0.02
ATTACH_SECONDS_MAX = 10
# perf does not say when it has begun. 1 s: far more than it takes.
PERF_SECONDS = 1


class Counter:
    """strace attached to one process and all of its threads while the `with` block runs."""

    def __init__(self, pid):
        self.pid = pid
        self.file = common.OUT / f"strace.{pid}"
        self.calls = {}

    def __enter__(self):
        command = ["strace", "-f", "-c", "-o", str(self.file), "-p", str(self.pid)]
        self.strace = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + ATTACH_SECONDS_MAX
        while not self.traced():
            if self.strace.poll() is not None or time.monotonic() > deadline:
                raise common.Failed(f"strace could not attach to process {self.pid}")
            time.sleep(0.02)
        return self

    def traced(self):
        """Whether every thread of the process has a tracer."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        return all("TracerPid:\t0\n" not in (thread / "status").read_text() for thread in threads)

    def __exit__(self, *_):
        self.strace.send_signal(signal.SIGINT)
        self.strace.wait()
        for line in self.file.read_text().splitlines():
            # "% time  seconds  usecs/call  calls  [errors]  syscall"
            found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z_0-9]+)$", line)
            if found and found[2] != "total":
                self.calls[found[2]] = int(found[1])
        self.file.unlink()


class Writes:
    """perf attached to one process: how often it writes to a socket while the block runs."""

    EVENT = "syscalls:sys_enter_sendto"

    def __init__(self, pid):
        self.pid = pid
        self.count = None

    def __enter__(self):
        command = ["perf", "stat", "-x", ",", "-e", self.EVENT, "-p", str(self.pid)]
        try:
            self.perf = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        except FileNotFoundError:
            raise common.Failed("perf is missing (apt install linux-perf)") from None
        time.sleep(PERF_SECONDS)
        return self

    def __exit__(self, *_):
        self.perf.send_signal(signal.SIGINT)
        printed = self.perf.communicate()[1]
        found = re.search(r"^(\d+),.*sys_enter_sendto", printed, re.MULTILINE)
        if not found:
            raise common.Failed(f"perf counted nothing (needs root): {printed.strip()}")
        self.count = int(found[1])


def app_process(core):
    """The one process below the core whose command is Python."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == core and b"python" in command.split(b"\0")[0]:
            found.append(int(status.parent.name))
    if len(found) != 1:
        raise common.Failed(f"expected one app process below {core}, found {found}")
    return found[0]


def count(app, merge_us, requests):
    """Calls: of the core and of the app process; writes of the latter without strace."""
    served = common.maitred(app, settings={"MAITRED_READY_MERGE_US": str(merge_us)})
    with common.Server("maitred-syscalls", served) as server:
        server.load(200, 1, warmup=0)
        pid = app_process(server.pid)
        with Writes(pid) as writes:
            server.load(requests, 1, warmup=0)
        with Counter(server.pid) as core, Counter(pid) as process:
            server.load(requests, 1, warmup=0)
    return core.calls, process.calls, writes.count


def per_request(calls, requests):
    """The calls by number, and all of them together."""
    often = {name: n / requests for name, n in calls.items() if n / requests >= RARE}
    ordered = sorted(often.items(), key=lambda call: -call[1])
    return sum(often.values()), ", ".join(f"{name} {n:.2f}" for name, n in ordered)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--record", action="store_true", help="write bench/RESULTS.md")
    args = parser.parse_args()
    common.prepare()
    rows = []
    for name, app in APPS.items():
        for merge_us in MERGE_US:
            core, process, writes = count(app, merge_us, args.requests)
            for who, calls in (("core", core), ("app", process)):
                total, listed = per_request(calls, args.requests)
                free = f"{writes / args.requests:.2f}" if who == "app" else ""
                rows.append([name, merge_us, who, f"{total:.2f}", listed, free])
                print(name, f"merge {merge_us} us", who, f"{total:.2f}:", listed, flush=True)
    head = ["app", "merge us", "process", "calls", "which", "sendto without strace"]
    text = "\n\n".join(
        [
            common.circumstances("bench/syscalls/run.sh " + " ".join(sys.argv[1:])),
            common.table(head, rows),
        ]
    )
    print(text)
    if args.record:
        common.record("System calls per request", text)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Failed as failure:
        sys.exit(f"failed: {failure}")
