"""An app that does out-of-band work, and says which of its processes did.

A page asks by call or by header; the work waits at a gate named after its kind, so that a test
can look at a process which is out.
"""

import os
import threading
import time
from pathlib import Path

import maitred

GATES = Path(os.environ["TEST_GATES"])
JOURNAL = os.environ["TEST_JOURNAL"]
PAUSE = 0.005  # seconds between two looks at a gate
QUICK = 0.01  # seconds of work of the kind "quick"

at_work = threading.Event()


def pass_gate(name: str) -> None:
    """Waits until the test has opened the gate."""
    while not (GATES / name).exists() and not (GATES / "all").exists():
        time.sleep(PAUSE)


def note(what: str, event: maitred.OobEvent) -> None:
    """Adds a line to the journal of all processes."""
    descriptor = os.open(JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{what}:{event.kind}:{event.requested_by}:{os.getpid()}\n".encode())
    os.close(descriptor)


if os.environ.get("TEST_ASK_AT_START"):
    maitred.request_oob("start", "booted")


if not os.environ.get("TEST_NO_HANDLER"):

    @maitred.on_oob
    def work(event: maitred.OobEvent) -> None:
        """Writes down that it begins and ends, and waits or fails as its kind says."""
        note("begin", event)
        at_work.set()
        if event.kind.startswith("gate"):
            pass_gate(event.kind)
        if event.kind == "quick":
            time.sleep(QUICK)
        at_work.clear()
        note("end", event)
        if event.kind == "fail":
            raise RuntimeError("out-of-band work that fails")


def app(environ, start_response):
    """``/ask/KIND`` asks for that kind, ``/header`` by a header, ``/hold/GATE`` runs."""
    _, page, *rest = environ["PATH_INFO"].split("/")
    headers = []
    # A request that meets out-of-band work is what must never happen.
    status = "500 Out Of Band" if at_work.is_set() else "200 OK"
    if page == "ask":
        seconds = environ["QUERY_STRING"]
        within = float(seconds) if seconds else None
        maitred.request_oob(rest[0], "because of a test", not_later_than=within)
    elif page == "header":
        headers = [("!~request-oob-WORK", "whatever"), ("!~Something-Else", "1")]
    elif page == "hold":
        pass_gate(rest[0])
    start_response(status, headers)
    return [b"%d" % os.getpid()]
