"""Starts and stops the programs of a peer, and makes sure that nothing is left of them.

What an earlier server left behind would answer in the place of the next one, or take CPU from it.
This process makes itself the one that inherits orphans, so that whatever a peer starts stays below
it, also what leaves its session as Passenger's daemons do. What does not end with its peer fails
the run.
"""

import concurrent.futures
import ctypes
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402
import peers  # noqa: E402

# prctl: orphans below this process become its children.
PR_SET_CHILD_SUBREAPER = 36
# Requests at once while the processes are looked for: enough to find each of them occupied.
PROBES = 32
# What a probe asks for: long enough that one process cannot answer for all.
PROBE_PATH = "/20000/0/0"


class Running:
    """A peer that runs while the `with` block does."""

    def __init__(self, peer):
        self.peer = peer
        self.started = []
        # Processes of peers that were started before and still run.
        self.others = set()

    def __enter__(self):
        inherit_orphans()
        self.others = set(descendants())
        common.OUT.mkdir(exist_ok=True)
        # Short, because the paths of Unix sockets are limited to about 100 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="mtb-"))
        self.log = open(common.OUT / f"{self.peer.name}.log", "wb")
        try:
            self.programs = self.peer.programs(self.folder, Ports())
            for program in self.programs:
                self.start(program)
            for program in self.programs:
                self.until(f"{program.name} answers", lambda: common.answers(program.port))
            self.until(f"{self.peer.processes} processes serve", self.all_serve)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def start(self, program):
        if not Path(program.command[0]).exists():
            raise common.Failed(f"{self.peer.name} is missing: there is no {program.command[0]}")
        if listens(program.port):
            raise common.Failed(f"{self.peer.name}: something answers on its port already")
        env = {**os.environ, "XDG_RUNTIME_DIR": str(self.folder), **program.env}
        stdout = open(program.stdout, "wb") if program.stdout else self.log
        process = subprocess.Popen(
            program.command, cwd=peers.APPS, env=env, stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=self.log, start_new_session=True,
        )  # fmt: skip
        if program.stdout:
            stdout.close()
        self.started.append((program, process))

    def __exit__(self, failure, *_):
        try:
            for program, process in reversed(self.started):
                process.send_signal(program.stop)
            for _, process in self.started:
                try:
                    process.wait(common.STOP_SECONDS_MAX)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            left = self.left_over()
            for pid in left:
                kill(pid)
        finally:
            self.log.close()
            shutil.rmtree(self.folder, ignore_errors=True)
        if failure is None:
            if left:
                raise common.Failed(f"{self.peer.name} left {len(left)} processes behind")
            for program, _ in self.started:
                if listens(program.port):
                    raise common.Failed(f"{self.peer.name}: its port answers after it was stopped")

    def left_over(self):
        """Processes of this peer that do not end by themselves within the time for it."""
        deadline = time.monotonic() + common.STOP_SECONDS_MAX
        while (left := self.pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    @property
    def port(self):
        """Where clients go."""
        return self.programs[-1].port

    @property
    def pids(self):
        """All processes of the peer, while it is the one that was started last."""
        return [pid for pid in descendants() if pid not in self.others]

    def all_serve(self):
        """Whether as many processes answer as the peer is said to have."""
        with concurrent.futures.ThreadPoolExecutor(PROBES) as pool:
            found = set(pool.map(lambda _: probe(self.port), range(PROBES))) - {None}
        return len(found) == self.peer.processes

    def until(self, what, condition):
        deadline = time.monotonic() + common.START_SECONDS_MAX
        while time.monotonic() < deadline:
            if any(process.poll() is not None for _, process in self.started):
                break
            if condition():
                return
            time.sleep(0.05)
        self.log.flush()
        end = (common.OUT / f"{self.peer.name}.log").read_text(errors="replace")[-2000:]
        raise common.Failed(f"{self.peer.name}: waited in vain until {what}; its log:\n{end}")


class Ports:
    """Free ports, all different: each stays bound until the next one is known."""

    def __init__(self):
        self.given = set()

    def __call__(self):
        while (port := common.free_port()) in self.given:
            pass
        self.given.add(port)
        return port


def probe(port):
    """The process that answers one request; `None`: nobody does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", PROBE_PATH, headers={"Connection": "close"})
        answer = connection.getresponse()
        text = answer.read().strip()
        return int(text) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def listens(port):
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def inherit_orphans():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise common.Failed(f"prctl: {os.strerror(ctypes.get_errno())}")


def descendants():
    """The processes below this one. Orphans among them that have ended are reaped on the way."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                # The name, in brackets, may hold anything.
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            parents[int(folder.name)] = int(parent), state
    found, level = [], {os.getpid()}
    while level:
        level = {pid for pid, (parent, _) in parents.items() if parent in level}
        found += level
    return [pid for pid in found if not has_ended(pid, parents[pid])]


def has_ended(pid, what):
    parent, state = what
    if state != "Z":
        return False
    if parent == os.getpid():
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
    return True


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
