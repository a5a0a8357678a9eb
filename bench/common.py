"""What the benchmarks share: building, starting a server, loading it, writing results down.

Only the standard library is used here; the servers and frameworks live in a virtual environment
under `bench/out/`, which this module makes and keeps up to date.
"""

import datetime
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
OUT = BENCH / "out"
APPS = BENCH / "apps"
VENV = OUT / "venv"
PYTHON = VENV / "bin" / "python"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
MAITRED = TARGET / "release" / "maitred"
LOAD = TARGET / "release" / "maitred-load"
FLOOR = TARGET / "release" / "maitred-floor"
FLOOR_MODULES = OUT / "floor"
RESULTS = BENCH / "RESULTS.md"
# What recording itself changes: one benchmark's results do not make the next one's tree another.
NOT_RESULTS = (".", ":!bench/RESULTS.md", ":!bench/deferred/plots")

# What the SDK's wheel is built from: it is built again when one of these files is newer.
SDK_SOURCES = ("sdk-python", "core/sdk", "proto")
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 10


class Failed(Exception):
    """The benchmark cannot give a figure; the message says why."""


def prepare():
    """Builds the release binaries and the virtual environment, where something changed."""
    run(["cargo", "build", "--release", "-p", "maitred", "-p", "maitred-bench"], cwd=ROOT)
    OUT.mkdir(exist_ok=True)
    if not PYTHON.exists():
        run([sys.executable, "-m", "venv", str(VENV)])
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    requirements = BENCH / "requirements.txt"
    if newer([requirements], OUT / "requirements.stamp"):
        run([*pip, "-r", str(requirements)])
        (OUT / "requirements.stamp").touch()
    sources = [file for folder in SDK_SOURCES for file in (ROOT / folder).rglob("*.*")]
    if newer(sources, OUT / "sdk.stamp"):
        run([*pip, "--force-reinstall", "--no-deps", str(ROOT / "sdk-python")])
        (OUT / "sdk.stamp").touch()


def prepare_floor():
    """Builds the floor, after `prepare`; by itself, so that maitred's own build is not touched."""
    settings = {"PYO3_PYTHON": str(PYTHON), "PYO3_BUILD_EXTENSION_MODULE": "1"}
    build = ["cargo", "build", "--release", "-p", "maitred-floor"]
    run(build, cwd=ROOT, env={**os.environ, **settings})
    FLOOR_MODULES.mkdir(exist_ok=True)
    shutil.copy2(FLOOR.with_name("lib_floor.so"), FLOOR_MODULES / "_floor.so")


def newer(sources, stamp):
    """Whether one of `sources` changed after `stamp` was made."""
    if not stamp.exists():
        return True
    made = stamp.stat().st_mtime
    skipped = {"__pycache__", "target", "build", "dist"}
    return any(
        file.stat().st_mtime > made
        for file in sources
        if file.is_file() and not skipped.intersection(file.parts) and file.suffix != ".so"
    )


def run(command, **options):
    """Runs a command that must succeed; its output is shown."""
    done = subprocess.run(command, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"`{' '.join(map(str, command))}` ended with status {done.returncode}")


def maitred(app, processes=1, slots=1, settings=None):
    """How maitred serves `app`: a command with `{port}` in it, and its environment."""
    command = [
        str(MAITRED), "serve", app, "--chdir", str(APPS), "-b", "127.0.0.1:{port}",
        "-w", str(processes), "-t", str(slots), "--python", str(PYTHON), "--name", "bench-{port}",
    ]  # fmt: skip
    return command, settings or {}


def floor(app, slots=1):
    """How the floor serves `app`: what it costs at least to hand a request to one process."""
    slots = ["--slots", str(slots)]
    process = [str(PYTHON), str(BENCH / "floor" / "process" / "process.py"), *slots, app]
    command = [str(FLOOR), "--listen", "127.0.0.1:{port}", *slots, "--", *process]
    return command, {"PYTHONPATH": str(FLOOR_MODULES)}


def granian(app, threads=1):
    """How Granian serves `app`, in-process, with one worker."""
    command = [
        str(VENV / "bin" / "granian"), "--interface", "wsgi", "--workers", "1",
        "--blocking-threads", str(threads), "--no-ws", "--log-level", "error",
        "--host", "127.0.0.1", "--port", "{port}", app,
    ]  # fmt: skip
    return command, {}


def gunicorn(app, threads=1):
    """How gunicorn serves `app` with one worker: `sync`, or `gthread` when there are threads."""
    command = [
        str(VENV / "bin" / "gunicorn"), "-w", "1", "--log-level", "error",
        "-b", "127.0.0.1:{port}", app,
    ]  # fmt: skip
    if threads > 1:
        command[1:1] = ["-k", "gthread", "--threads", str(threads)]
    return command, {}


class Server:
    """A server that runs while the `with` block does, alone in its session and instance folder."""

    def __init__(self, name, served, cpu=None):
        command, settings = served
        self.cpu = cpu
        self.name = name
        self.port = free_port()
        self.command = [part.format(port=self.port) for part in command]
        self.settings = settings
        self.process = None

    def __enter__(self):
        if not Path(self.command[0]).exists():
            raise Failed(f"{self.name} is missing: there is no {self.command[0]}")
        # Short, because the paths of Unix sockets are limited to about 100 bytes.
        self.folder = tempfile.mkdtemp(prefix="mtb-")
        self.log = open(OUT / f"{self.name}.log", "wb")
        self.process = subprocess.Popen(
            self.command,
            cwd=APPS,
            env={**os.environ, "XDG_RUNTIME_DIR": self.folder, **self.settings},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            preexec_fn=self.stay_on_cpu,
        )
        try:
            self.wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stay_on_cpu(self):
        if self.cpu is not None:
            os.sched_setaffinity(0, {self.cpu})

    @property
    def pid(self):
        return self.process.pid

    def wait_until_it_answers(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if answers(self.port):
                return
            time.sleep(0.05)
        log = (OUT / f"{self.name}.log").read_text(errors="replace")[-2000:]
        raise Failed(f"{self.name} does not answer; the end of its log:\n{log}")

    def load(self, requests, connections, warmup=3000):
        """Loads the server and returns what the load client measured; any error fails the run."""
        command = [
            str(LOAD), "run", "--address", f"127.0.0.1:{self.port}", "--tree", str(self.pid),
            "--requests", str(requests), "--connections", str(connections),
            "--warmup", str(warmup),
        ]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{self.name}: the load client failed: {done.stderr.strip()}")
        report = json.loads(done.stdout)
        if report["errors"]:
            raise Failed(f"{self.name}: {report['errors']} errors: {report['first_error']}")
        return report


def answers(port):
    """Whether a server gives a 200 on this port."""
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
            stream.sendall(request)
            return b" 200 " in stream.recv(64)
    except OSError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def circumstances(command):
    """Where and with what a figure was taken: a list for `RESULTS.md`."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    freeze = subprocess.run(
        [str(PYTHON), "-m", "pip", "freeze", "--disable-pip-version-check"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    named = r"(?i)(django|flask|granian|gunicorn)=="
    versions = [line for line in freeze.split() if re.match(named, line)]
    revision = revision_of_the_tree()
    today = datetime.date.today().isoformat()
    load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
    return "\n".join(
        [
            f"- taken {today} at revision {revision}, with `{command}`",
            f"- {cpu[1].strip() if cpu else platform.machine()}, {os.cpu_count()} CPUs, "
            f"Linux {platform.release()}; load average at the end {load}",
            f"- CPython {platform.python_version()}, {', '.join(versions)}",
        ]
    )


def revision_of_the_tree():
    """The commit, and whether the tree differs from it in more than recorded results."""
    revision = git("describe", "--always")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", *NOT_RESULTS)
    return f"{revision}-dirty" if changed else revision


def git(*words):
    done = subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip()


def record(section, text):
    """Replaces the section of `RESULTS.md` with this name by `text`."""
    old = RESULTS.read_text() if RESULTS.exists() else "# Results of the benchmarks\n"
    new = f"## {section}\n\n{text.strip()}\n"
    pattern = re.compile(rf"^## {re.escape(section)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(old):
        old = pattern.sub(lambda _: new + "\n", old)
    else:
        old = f"{old.rstrip()}\n\n{new}"
    RESULTS.write_text(old.rstrip() + "\n")
    print(f"recorded in {RESULTS.relative_to(ROOT)}")


def table(head, rows):
    """A Markdown table with columns padded, so that it reads on a terminal as well."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
