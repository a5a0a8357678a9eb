"""The app of the trace in WSGI: GET /SERVICE/DEFERRED/NUMBER sleeps before and after its answer.

What it defers is in the body's `close()`, which every WSGI server calls when the response is
over. So the same app runs on all of them, and the path alone says what a request costs.
"""

import os
import time

PID = b"%d\n" % os.getpid()


class Deferring:
    """A body of one piece that goes on working for a while when it is closed."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __iter__(self):
        yield PID

    def close(self):
        time.sleep(self.seconds)


def app(environ, start_response):
    service, deferred = costs(environ["PATH_INFO"])
    if service:
        time.sleep(service)
    start_response(
        "200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(PID)))]
    )
    return Deferring(deferred) if deferred else [PID]


def costs(path):
    """Seconds of service and of deferred work that a path asks for, in microseconds there."""
    parts = path.split("/")
    if len(parts) < 4:
        return 0, 0
    return int(parts[1]) / 1e6, int(parts[2]) / 1e6
