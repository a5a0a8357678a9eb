"""The app of most end-to-end tests: a page for each thing that an app can do to a server.

Pages that have to last wait at a gate, which is a file that the test makes: so nothing depends on
how fast the machine is. A request with X-Token is written into a journal when the app gets it.
"""

import ctypes
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import maitred

GATES = Path(os.environ["TEST_GATES"])
JOURNAL = os.environ["TEST_JOURNAL"]
PAUSE = 0.005  # seconds between two looks at a gate
BLOCK = 65536  # bytes
TEXT = [("Content-Type", "text/plain")]


def write_down(token: str) -> None:
    """One line of the journal: a short write in append mode is never torn."""
    descriptor = os.open(JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{token}\n".encode())
    os.close(descriptor)


def pass_gate(name: str) -> None:
    """Waits until the test has opened the gate."""
    while not (GATES / name).exists() and not (GATES / "all").exists():
        time.sleep(PAUSE)


def app(environ: dict, start_response) -> Iterable[bytes]:
    """Calls the page that the path names, with the query's values."""
    if token := environ.get("HTTP_X_TOKEN"):
        write_down(token)
    name = environ["PATH_INFO"].strip("/") or "hello"
    page = PAGES.get(name)
    if page is None:
        start_response("404 Not Found", TEXT)
        return [b"no such page\n"]
    return page(environ, start_response, dict(parse_qsl(environ["QUERY_STRING"])))


def hello(environ, start_response, query):
    """Answers at once."""
    start_response("200 OK", TEXT)
    return [b"hello\n"]


def pid(environ, start_response, query):
    """Tells which process this is."""
    start_response("200 OK", TEXT)
    return [b"%d" % os.getpid()]


def sleep(environ, start_response, query):
    """Works for `ms` milliseconds, for load tests."""
    time.sleep(int(query["ms"]) / 1000)
    return pid(environ, start_response, query)


def spin(environ, start_response, query):
    """Computes for `ms` milliseconds of CPU time."""
    end = time.thread_time() + int(query["ms"]) / 1000
    while time.thread_time() < end:
        pass
    return pid(environ, start_response, query)


def hold(environ, start_response, query):
    """Runs until the gate opens."""
    pass_gate(query["gate"])
    return pid(environ, start_response, query)


def say(environ, start_response, query):
    """Writes a text, or `kb` kilobytes in lines, to standard output."""
    text = query.get("text") or "\n".join(["x" * 1023] * int(query["kb"]))
    print(text, flush=True)
    return hello(environ, start_response, query)


def whisper(environ, start_response, query):
    """Answers with a header that is meant for the core."""
    start_response("200 OK", [*TEXT, ("!~Request-OOB-Work", "true")])
    return [b"hello\n"]


class Closing:
    """A body with a `close`."""

    def __init__(self, close) -> None:
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        yield b"%d" % os.getpid()


def close(environ, start_response, query):
    """Answers at once; its close lasts `ms` milliseconds or until the gate opens."""
    start_response("200 OK", TEXT)
    if "gate" in query:
        return Closing(lambda: pass_gate(query["gate"]))
    return Closing(lambda: time.sleep(int(query["ms"]) / 1000))


def after(environ, start_response, query):
    """Answers at once and works afterwards until the gate opens."""
    maitred.after_response(pass_gate, query["gate"])
    return pid(environ, start_response, query)


def wash_up(gate: str) -> None:
    """Deferred work that says when it begins, and lasts until the gate opens."""
    write_down("washing")
    pass_gate(gate)


def close_defers(environ, start_response, query):
    """Answers at once; its close leaves work for afterwards."""
    start_response("200 OK", TEXT)
    return Closing(lambda: maitred.after_response(wash_up, query["gate"]))


def work_until_told() -> None:
    """Deferred work that ends when it should, and says so."""
    while not maitred.current_request().cancelled():
        time.sleep(PAUSE)
    write_down("stopped")


def after_until_told(environ, start_response, query):
    """Answers at once and works afterwards until it is told to end."""
    maitred.after_response(work_until_told)
    return pid(environ, start_response, query)


def burn() -> None:
    """Deferred work that fails."""
    raise RuntimeError("the kitchen is on fire")


def after_fails(environ, start_response, query):
    """Answers at once; what it does afterwards fails."""
    maitred.after_response(burn)
    return pid(environ, start_response, query)


def until_told(environ, start_response, query):
    """Runs until it is told that nobody waits any more."""
    while not maitred.current_request().cancelled():
        time.sleep(PAUSE)
    return pid(environ, start_response, query)


def environment(environ, start_response, query):
    """Everything in the environ that is text, as JSON."""
    start_response("200 OK", [("Content-Type", "application/json")])
    plain = (str, int, bool)
    return [json.dumps({k: v for k, v in environ.items() if isinstance(v, plain)}).encode()]


def count(environ, start_response, query):
    """Reads the whole body; tells its length and SHA-256."""
    digest, length = hashlib.sha256(), 0
    while block := environ["wsgi.input"].read(BLOCK):
        digest.update(block)
        length += len(block)
    start_response("200 OK", TEXT)
    return [f"{length} {digest.hexdigest()}".encode()]


def lines(environ, start_response, query):
    """Answers each line of the body as it comes in."""
    start_response("200 OK", TEXT)
    for line in iter(environ["wsgi.input"].readline, b""):
        yield b"got " + line


def stream(environ, start_response, query):
    """Sends a first part, waits for the gate, sends a second one."""
    start_response("200 OK", TEXT)
    yield b"first"
    pass_gate(query["gate"])
    yield b"second"


def big(environ, start_response, query):
    """Sends `mb` megabytes in blocks."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    block = bytes(BLOCK)
    for _ in range(int(query["mb"]) * (1 << 20) // BLOCK):
        yield block


def whole(environ, start_response, query):
    """Sends `kb` kilobytes at once, with a length."""
    start_response("200 OK", TEXT)
    return [b"x" * (int(query["kb"]) * 1024)]


def status(environ, start_response, query):
    """Answers with a status of the caller's choice and no body."""
    start_response(f"{query['code']} Chosen", [("Content-Length", "0")])
    return []


def fail(environ, start_response, query):
    """Raises before it answers."""
    raise RuntimeError("the kitchen is on fire")


def fail_midway(environ, start_response, query):
    """Raises after it has begun to answer, when the gate opens."""
    start_response("200 OK", TEXT)
    yield b"first"
    pass_gate(query["gate"])
    raise RuntimeError("the kitchen is on fire")


def die(environ, start_response, query):
    """Kills its own process before it answers; with a gate, when that opens."""
    if "gate" in query:
        pass_gate(query["gate"])
    os.kill(os.getpid(), signal.SIGKILL)


def die_midway(environ, start_response, query):
    """Kills its own process after it has begun to answer, when the gate opens."""
    start_response("200 OK", TEXT)
    yield b"first"
    pass_gate(query["gate"])
    os.kill(os.getpid(), signal.SIGKILL)
    yield b"never"


def stuck(environ, start_response, query):
    """Hangs inside of C code with the interpreter's lock held: no Python runs any more."""
    ctypes.PyDLL(None).sleep(600)


PAGES = {
    "hello": hello,
    "pid": pid,
    "sleep": sleep,
    "spin": spin,
    "hold": hold,
    "say": say,
    "whisper": whisper,
    "close": close,
    "close-defers": close_defers,
    "after": after,
    "after-until-told": after_until_told,
    "after-fails": after_fails,
    "until-told": until_told,
    "environ": environment,
    "count": count,
    "lines": lines,
    "stream": stream,
    "big": big,
    "whole": whole,
    "status": status,
    "fail": fail,
    "fail-midway": fail_midway,
    "die": die,
    "die-midway": die_midway,
    "stuck": stuck,
}
