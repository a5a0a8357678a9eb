"""The app of the trace, asking for out-of-band work every so many requests.

The work is a sleep. Each process notes when it began and ended, so that how many were out at once
is known from the apps and not from the server that is being judged.
"""

import itertools
import os
import time

import app as plain
import maitred

EVERY = int(os.environ["BENCH_OOB_EVERY"])
SECONDS = float(os.environ["BENCH_OOB_SECONDS"])
# One file per process: `BEGAN ENDED` on a line, in seconds of the monotonic clock.
NOTES = f"{os.environ['BENCH_OOB_NOTES']}/{os.getpid()}"

requests = itertools.count(1)


@maitred.on_oob
def work(*_):
    began = time.monotonic()
    time.sleep(SECONDS)
    with open(NOTES, "a", encoding="ascii") as notes:
        notes.write(f"{began:.6f} {time.monotonic():.6f}\n")


def app(environ, start_response):
    if next(requests) % EVERY == 0:
        maitred.request_oob(kind="bench", expected_ms=int(SECONDS * 1000))
    return plain.app(environ, start_response)
