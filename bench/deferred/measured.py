"""What the server itself noted of a run: occupancies from maitred's access log, out-of-band work
from the app's own notes.

The nominal trace says what a request ought to cost. On a real machine a sleep is a little longer
and a process that wants the CPU waits for it; that is no fault of the queue. So the optimum is
also computed with what each request did occupy.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402

# How long the last lines may take to come: the longest deferral, and time for a busy machine.
LINES_SECONDS_MAX = 10


class Log:
    """The access log of a server from here on, if it keeps one."""

    def __init__(self, server):
        self.name = server.peer.name
        self.path = server.programs[-1].stdout
        self.start = self.path.stat().st_size if self.path else 0

    def occupancies(self, trace, path):
        """Writes the trace with measured times to `path`; `None`: the server keeps no log."""
        if self.path is None:
            return None
        items = [line.split() for line in trace.read_text().splitlines()]
        targets = [f"/{item[1]}/{item[2]}/{number}" for number, item in enumerate(items)]
        deadline = time.monotonic() + LINES_SECONDS_MAX
        while not set(targets) <= (told := self.told()).keys():
            if time.monotonic() > deadline:
                missing = len(set(targets) - told.keys())
                raise common.Failed(f"{self.name}: {missing} requests are not in its access log")
            time.sleep(0.1)
        lines = []
        for target, (at, *_) in zip(targets, items):
            line = told[target]
            service, deferred = (round(1000 * line[key]) for key in ("service_ms", "deferred_ms"))
            lines.append(f"{at} {service} {deferred}\n")
        path.write_text("".join(lines))
        return path

    def told(self):
        """Target to line, for every line since the start."""
        with open(self.path, "rb") as file:
            file.seek(self.start)
            whole = file.read().rpartition(b"\n")[0]
        lines = map(json.loads, whole.splitlines())
        return {line["target"]: line for line in lines if "target" in line}


def out_of_band(folder, began, ended):
    """How often apps were out of band between two moments, and how many at once at most."""
    spans = []
    for notes in folder.iterdir() if folder.exists() else []:
        for line in notes.read_text().splitlines():
            left, came_back = map(float, line.split())
            if began <= left <= ended:
                spans.append((left, came_back))
    return {"times": len(spans), "at_once": most_at_once(spans)}


def most_at_once(spans):
    """The most of these spans that hold at any moment. Ends count before beginnings."""
    events = sorted([(end, -1) for _, end in spans] + [(begin, 1) for begin, _ in spans])
    most = now = 0
    for _, change in events:
        now += change
        most = max(most, now)
    return most
