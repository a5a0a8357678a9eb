"""An app with a large heap that turns over: a cache of which every request replaces an entry.

What is replaced is freed by its reference counts. But what is new survives, so that the collector
goes through the whole heap time and again, in the middle of some request. With `BENCH_OOB_GC` the
preset keeps it out of requests.
"""

import json
import os

import maitred

ENTRIES = int(os.environ["BENCH_HEAP_ENTRIES"])
# Objects in one entry that the collector has to look at.
WIDTH = 200
# Cycles that a request leaves behind, which only the collector frees.
CYCLES = 20

if os.environ.get("BENCH_OOB_GC"):
    maitred.oob_gc()


class Node:
    """A cycle of one."""

    def __init__(self):
        self.me = self


def entry(number):
    return [[number, place] for place in range(WIDTH)]


cache = {number: entry(number) for number in range(ENTRIES)}


def app(environ, start_response):
    number = int(environ["PATH_INFO"].rpartition("/")[2] or 0)
    for _ in range(CYCLES):
        Node()
    cache[number % ENTRIES] = entry(number)
    body = json.dumps(cache[number * 7919 % ENTRIES]).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
