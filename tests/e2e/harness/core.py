"""Starts the real binary with an app, asks it things, and stops it without a trace."""

import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from . import proc
from .until import until
from .wire import Wire

ROOT = Path(__file__).resolve().parents[3]
APPS = ROOT / "tests" / "e2e" / "apps"

STOP_PATIENCE = 40.0  # seconds; above the core's own stop_timeout of 25 s

numbers = itertools.count(1)


def binary() -> Path:
    """The program under test: MAITRED_BIN, or what `cargo build` made."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get("MAITRED_BIN", target / "debug" / "maitred"))
    assert path.exists(), f"{path} is missing: run `cargo build -p maitred` or `make test`"
    return path


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Core:
    """One `maitred serve` and everything that belongs to it."""

    def __init__(self, app: str, root: Path = APPS) -> None:
        self.app = app
        self.root = root
        self.number = next(numbers)
        self.name = f"e2e-{os.getpid()}-{self.number}"
        self.port = free_port()
        # Short, because the path of a Unix socket may have 103 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="mt-", dir="/tmp"))
        self.gates = self.folder / "gates"
        self.gates.mkdir()
        self.journal_file = self.folder / "journal"
        self.mark = f"TEST_MARK={self.name}"  # inherited by every process of its tree
        self.listen = [f"--port={self.port}"]
        self.stdout: int | None = None  # a descriptor instead of the log
        self.process: subprocess.Popen[bytes] | None = None
        self.environ = self.clean_environ()

    def clean_environ(self) -> dict[str, str]:
        """The tester's environment without what would change the core's settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MAITRED_")}
        for name in ("PORT", "WEB_CONCURRENCY", "VIRTUAL_ENV", "FORWARDED_ALLOW_IPS"):
            kept.pop(name, None)
        kept["XDG_RUNTIME_DIR"] = str(self.folder)
        kept["TEST_GATES"] = str(self.gates)
        kept["TEST_JOURNAL"] = str(self.journal_file)
        kept["TEST_MARK"] = self.name
        kept["MAITRED_PYTHON"] = sys.executable
        return kept

    # -- its life

    def write_toml(self, text: str) -> Path:
        """A maitred.toml for it, beside the app's folder instead of in it."""
        path = self.folder / "maitred.toml"
        path.write_text(text)
        return path

    def start(self, *args: str, **settings: str) -> "Core":
        """Starts it. `settings` become variables: queue_max="2" is MAITRED_QUEUE_MAX=2."""
        for name, value in settings.items():
            self.environ[f"MAITRED_{name.upper()}"] = value
        command = [str(binary()), "serve", self.app, f"--name={self.name}", *self.listen, *args]
        with self.log_path("out").open("wb") as out, self.log_path("err").open("wb") as err:
            self.process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=out if self.stdout is None else self.stdout,
                stderr=err,
                start_new_session=True,
            )
        return self

    def ready(self, processes: int | None = None) -> "Core":
        """Waits until it serves; with `processes`: until so many do."""

        def look() -> bool:
            assert self.process and self.process.poll() is None, f"it ended:\n{self.log()}"
            pool = self.pool()
            serving = [p for p in pool["processes"] if p["state"] == "serving"]
            return pool["readiness"] == "ready" and len(serving) >= (processes or 1)

        try:
            until(look, "the core is ready")
        except AssertionError:
            print(self.log(), file=sys.stderr)
            raise
        return self

    @property
    def pid(self) -> int:
        """The core's own pid."""
        assert self.process
        return self.process.pid

    def signal(self, number: int) -> None:
        """Sends the core a signal."""
        assert self.process
        self.process.send_signal(number)

    def wait(self, within: float = STOP_PATIENCE) -> int:
        """Waits for its end; returns the exit code."""
        assert self.process
        return self.process.wait(within)

    def stop(self) -> None:
        """Stops it as an operator would and makes sure that nothing is left of it."""
        try:
            if self.process and self.process.poll() is None:
                self.open_all_gates()
                self.signal(signal.SIGTERM)
                code = self.wait()
                assert code == 0, f"exit code {code}:\n{self.log()}"
            self.leaves_nothing()
        finally:
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """Ends whatever is still there, after a failure."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in proc.with_variable(self.mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def leaves_nothing(self) -> None:
        """No process of the tree and no socket is left."""
        until(lambda: not self.family(), f"its processes are gone: {self.family()}")
        sockets = [path for path in self.folder.rglob("*") if path.is_socket()]
        killed = self.process is not None and self.process.returncode == -signal.SIGKILL
        assert killed or not sockets, f"sockets are left: {sockets}"

    def family(self) -> list[int]:
        """Every living process that was started by it, orphans included."""
        return [pid for pid in proc.with_variable(self.mark) if pid != os.getpid()]

    # -- what it says

    def log_path(self, kind: str) -> Path:
        """Where its standard output ("out") or error ("err") goes."""
        return self.folder / f"{kind}.log"

    def log(self) -> str:
        """Everything it has written so far."""
        return "".join(
            self.log_path(kind).read_text(errors="replace")
            for kind in ("out", "err")
            if self.log_path(kind).exists()
        )

    def says(self, text: str) -> None:
        """Waits until the log holds `text`: a core writes its log behind what it does."""
        until(lambda: text in self.log(), f"the log says {text!r}")

    def command(self, *args: str) -> subprocess.CompletedProcess:
        """Runs another command of the binary in its surroundings."""
        return subprocess.run(
            [str(binary()), *args],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=STOP_PATIENCE,
        )

    def status(self) -> dict:
        """`maitred status --json`."""
        done = self.command("status", "--json", "--instance", self.name)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def pool(self) -> dict:
        """The only pool of the status, after a look at whether its sums are right."""
        (pool,) = self.status()["pools"]
        totals, slots = pool["totals"], pool["slots"]
        ends = ("done", "failed", "refused", "left", "running", "queued")
        assert totals["arrived"] == sum(totals[end] for end in ends), f"do not add up: {totals}"
        states = ("running", "deferred", "idle", "withdrawn", "out_of_band")
        assert slots["total"] == sum(slots[state] for state in states), f"do not add up: {slots}"
        return pool

    def totals(self) -> dict:
        """How many requests had which end."""
        return self.pool()["totals"]

    def app_pids(self) -> list[int]:
        """The pids of the app's living processes."""
        return [process["pid"] for process in self.pool()["processes"]]

    def admin_socket(self) -> Path:
        """The admin socket."""
        (path,) = self.folder.rglob("admin.sock")
        return path

    # -- talking to the app

    def wire(self, receive_buffer: int | None = None) -> Wire:
        """A raw connection."""
        return Wire(self.port, receive_buffer)

    def get(self, path: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        """A GET on a connection of its own; the body is in `.data`."""
        return self.request("GET", path, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        """One request on a connection of its own; the body is in `.data`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            response.data = response.read()
            return response
        finally:
            connection.close()

    def open_gate(self, name: str) -> None:
        """Lets everything pass that waits at a gate of the app."""
        (self.gates / name).touch()

    def open_all_gates(self) -> None:
        """So that nothing holds the core back at its end."""
        self.open_gate("all")

    def journal(self) -> list[str]:
        """The tokens of the requests that the app was given, in their order."""
        if not self.journal_file.exists():
            return []
        return self.journal_file.read_text().split()
