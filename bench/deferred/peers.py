"""The servers of the comparison: how each one serves the app of the trace on eight slots.

A peer is one or more programs on loopback: an app server, or several of them as if they were
several machines ("boxes"), and a balancer in front. All of them get the settings that suit the
trace best where a default would only lose requests (backlogs, queue limits); nothing is tuned
beyond that.
"""

import os
import pwd
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402

APPS = Path(__file__).resolve().parent / "apps"
SLOTS = 8
# Requests that may wait in a server, or in the kernel for it. Far more than ever do: a refused
# request would leave the rest with less load.
WAITING_MAX = 8192
# Seconds after which a server may give up on a request; nothing here comes near it.
PATIENCE_SECONDS = 120


@dataclass
class Program:
    """One program: its command, its port, and what it needs."""

    name: str
    command: list
    port: int
    env: dict = field(default_factory=dict)
    # Standard output goes here instead of the log.
    stdout: Path = None
    # How it is told to stop. Passenger Standalone leaves at once at Ctrl-C only.
    stop: signal.Signals = signal.SIGTERM


@dataclass
class Peer:
    """A server of the comparison."""

    name: str
    # Makes the programs, in the order in which they start; clients go to the last one.
    programs: Callable
    # The server closes or pins connections, so each request gets one of its own.
    fresh: bool
    # Processes that run the app when it is up.
    processes: int
    # What the table says about it.
    what: str
    # It is up together with all others of which this is true, and they play each trace one after
    # the other: their figures are compared with each other.
    paired: bool = False


def program_path(name):
    """Where a program of Debian is; its folder may not be in a user's PATH."""
    for folder in [*os.environ["PATH"].split(":"), "/usr/sbin", "/sbin"]:
        if (Path(folder) / name).exists():
            return str(Path(folder) / name)
    raise common.Failed(f"{name} is missing: bench/deferred/setup.sh installs it")


def rack():
    return {"RACK_ENV": "production"}


def maitred(processes, slots, app="app:app", settings=None):
    """maitred, with its access log: the occupancies are taken from it. In the value of a setting
    `{folder}` is the folder of the run."""

    def programs(folder, ports):
        port = ports()
        command, env = common.maitred(app, processes, slots, settings)
        command = [str(part).format(port=port) for part in command]
        command[command.index("--chdir") + 1] = str(APPS)
        env = {
            "MAITRED_ACCESS_LOG": "true",
            "MAITRED_LOG_FORMAT": "json",
            "MAITRED_QUEUE_MAX": str(WAITING_MAX),
            "MAITRED_QUEUE_WAIT_MAX": str(PATIENCE_SECONDS),
            **{name: value.format(folder=folder) for name, value in env.items()},
        }
        return [Program("maitred", command, port, env, stdout=folder / "access.log")]

    return programs


def unicorn_program(folder, port, workers):
    conf = folder / f"unicorn-{port}.rb"
    conf.write_text(
        f"listen '127.0.0.1:{port}', backlog: {WAITING_MAX}\n"
        f"worker_processes {workers}\ntimeout {PATIENCE_SECONDS}\n"
    )
    command = [program_path("unicorn"), "-E", "none", "-c", str(conf), str(APPS / "config.ru")]
    return Program(f"unicorn-{port}", command, port, rack())


def unicorn(folder, ports):
    return [unicorn_program(folder, ports(), SLOTS)]


def puma(workers, threads):
    def programs(folder, ports):
        port = ports()
        conf = folder / "puma.rb"
        conf.write_text(
            f"bind 'tcp://127.0.0.1:{port}?backlog={WAITING_MAX}'\n"
            f"workers {workers}\nthreads {threads}, {threads}\nenvironment 'none'\n"
            f"rackup '{APPS / 'config.ru'}'\n"
        )
        command = [program_path("puma"), "-C", str(conf)]
        return [Program("puma", command, port, rack())]

    return programs


def passenger(folder, ports):
    """Passenger Standalone. It would ask its maker for updates and report on itself: not here."""
    port = ports()
    user = pwd.getpwuid(os.getuid()).pw_name
    command = [
        program_path("passenger"), "start", str(APPS), "--rackup", str(APPS / "config.ru"),
        "--address", "127.0.0.1", "--port", str(port), "--environment", "none",
        "--engine", "builtin", "--max-pool-size", str(SLOTS), "--min-instances", str(SLOTS),
        "--max-request-queue-size", str(WAITING_MAX),
        "--disable-security-update-check", "--disable-anonymous-telemetry",
        "--disable-turbocaching", "--user", user, "--log-level", "2",
        "--instance-registry-dir", str(folder), "--pid-file", str(folder / "passenger.pid"),
        "--log-file", str(folder / "passenger.log"),
    ]  # fmt: skip
    env = {**rack(), "TMPDIR": str(folder)}
    return [Program("passenger", command, port, env, stop=signal.SIGINT)]


def boxes(folder, ports, count):
    """Unicorn in several boxes: eight processes in all."""
    return [unicorn_program(folder, ports(), SLOTS // count) for _ in range(count)]


def nginx(count, method):
    """nginx in front of boxes. One worker, so that it is one view of what every box has."""

    def programs(folder, ports):
        behind = boxes(folder, ports, count)
        port = ports()
        user = pwd.getpwuid(os.getuid()).pw_name
        servers = "".join(f"    server 127.0.0.1:{box.port};\n" for box in behind)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"  {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        conf = folder / "nginx.conf"
        conf.write_text(
            f"daemon off;\nuser {user};\nworker_processes 1;\npid {folder}/nginx.pid;\n"
            "error_log stderr warn;\n"
            f"events {{ worker_connections {2 * WAITING_MAX}; }}\n"
            f"http {{\n{temporary}  access_log off;\n  keepalive_requests 1000000;\n"
            f"  proxy_read_timeout {PATIENCE_SECONDS}s;\n"
            f"  upstream boxes {{\n    {method}\n{servers}  }}\n"
            f"  server {{ listen 127.0.0.1:{port} backlog={WAITING_MAX};\n"
            "    location / { proxy_pass http://boxes; } }\n}\n"
        )
        command = [program_path("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(conf)]
        return [*behind, Program("nginx", command, port)]

    return programs


def haproxy(count, queues):
    """HAProxy in front of boxes: least connections; `queues`: it gives a box no more at once than
    it has processes, and keeps the rest in a queue of its own."""

    def programs(folder, ports):
        behind = boxes(folder, ports, count)
        port = ports()
        limit = f" maxconn {SLOTS // count}" if queues else ""
        servers = "".join(
            f"  server box{box.port} 127.0.0.1:{box.port}{limit}\n" for box in behind
        )
        conf = folder / "haproxy.cfg"
        conf.write_text(
            f"global\n  maxconn {WAITING_MAX}\n  nbthread 1\ndefaults\n  mode http\n"
            f"  timeout connect {PATIENCE_SECONDS}s\n  timeout queue {PATIENCE_SECONDS}s\n"
            f"  timeout client {PATIENCE_SECONDS}s\n  timeout server {PATIENCE_SECONDS}s\n"
            f"listen boxes\n  bind 127.0.0.1:{port} backlog {WAITING_MAX}\n"
            f"  balance leastconn\n{servers}"
        )
        command = [program_path("haproxy"), "-db", "-f", str(conf)]
        return [*behind, Program("haproxy", command, port)]

    return programs


def python(command, workers):
    """gunicorn or Granian, from the benchmarks' virtual environment."""

    def programs(folder, ports):
        port = ports()
        parts = [part.format(port=port, workers=workers, waiting=WAITING_MAX) for part in command]
        parts[0] = str(common.VENV / "bin" / parts[0])
        return [Program(command[0], parts, port)]

    return programs


GUNICORN = [
    "gunicorn", "-k", "sync", "-w", "{workers}", "--backlog", "{waiting}", "--log-level", "error",
    "--timeout", str(PATIENCE_SECONDS), "-b", "127.0.0.1:{port}", "app:app",
]  # fmt: skip
GRANIAN = [
    "granian", "--interface", "wsgi", "--workers", "{workers}", "--blocking-threads", "1",
    "--no-ws", "--log-level", "error", "--backlog", "{waiting}", "--host", "127.0.0.1",
    "--port", "{port}", "app:app",
]  # fmt: skip

TRACE = [
    Peer("maitred-8x1", maitred(8, 1), False, 8, "8 processes of 1 slot", True),
    Peer("maitred-4x2", maitred(4, 2), False, 4, "4 processes of 2 slots", True),
    Peer("maitred-2x4", maitred(2, 4), False, 2, "2 processes of 4 slots", True),
    Peer("unicorn", unicorn, True, 8, "one box, 8 processes on one socket", True),
    Peer("puma-8x1", puma(8, 1), True, 8, "one box, 8 processes of 1 thread"),
    Peer("puma-2x4", puma(2, 4), True, 2, "one box, 2 processes of 4 threads"),
    Peer("passenger", passenger, False, 8, "one box, 8 processes"),
    Peer("nginx-rr-2x4", nginx(2, ""), False, 8, "round robin over 2 Unicorns of 4"),
    Peer("nginx-rr-8x1", nginx(8, ""), False, 8, "round robin over 8 Unicorns of 1"),
    Peer("nginx-lc-2x4", nginx(2, "least_conn;"), False, 8, "least_conn over 2 Unicorns of 4"),
    Peer("nginx-lc-8x1", nginx(8, "least_conn;"), False, 8, "least_conn over 8 Unicorns of 1"),
    Peer("haproxy-lc-2x4", haproxy(2, False), False, 8, "leastconn over 2 Unicorns of 4"),
    Peer("haproxy-lc-8x1", haproxy(8, False), False, 8, "leastconn over 8 Unicorns of 1"),
    Peer("haproxy-q-2x4", haproxy(2, True), False, 8, "its own queue, 2 Unicorns of 4"),
    Peer("haproxy-q-8x1", haproxy(8, True), False, 8, "its own queue, 8 Unicorns of 1"),
    Peer("gunicorn", python(GUNICORN, SLOTS), True, 8, "one box, 8 sync processes"),
    Peer("granian", python(GRANIAN, SLOTS), True, 8, "one box, 8 processes of 1 thread"),
]
