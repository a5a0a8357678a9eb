"""INTERRUPT: what overstays shows its stacks, and may be ended by an error."""

import re
import time
from pathlib import Path

from fake_core import CANCEL, INTERRUPT, PING, encode, wait_for

DUMP, RAISE = 1, 2
DEADLINE = 2

APP = """
    import ctypes, maitred, os, queue, threading, time
    pieces = queue.SimpleQueue()
    def held_here(name):
        open(name, "w").close()
        while not os.path.exists("go"):
            time.sleep(0.001)
    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/hold":
            held_here("holding")
        if path == "/after":
            maitred.after_response(held_here, "holding")
        if path == "/lock":
            open("holding", "w").close()
            # Unlike CDLL, this keeps the interpreter's lock.
            ctypes.PyDLL(None).sleep(60)
        if path == "/put":
            pieces.put(b"late")
            pieces.put(b"")
        start_response("200 OK", [])
        # Iterated without a single instruction of Python.
        return iter(pieces.get, b"") if path == "/pieces" else [b"fine"]
"""


def folder(core):
    return core.stderr_path.parent


def held(core, path="/hold"):
    """Starts something that goes on until it is let go."""
    stream = core.request(path, request_id="id-7")
    wait_for((folder(core) / "holding").exists, "it runs")
    return stream


def interrupt(core, stream, action):
    core.send(INTERRUPT, stream, encode([(1, action)]))


def interrupted(core):
    """Waits until what was sent has been done: each interruption has a thread of its own."""
    pongs = len(core.pongs)
    core.send(PING, 0, encode([(1, core.stream)]))
    core.until(lambda: len(core.pongs) > pongs)

    def names():
        names = []
        for task in Path(f"/proc/{core.process.pid}/task").iterdir():
            try:
                names.append((task / "comm").read_text().strip())
            except OSError:
                pass  # It has just ended.
        return names

    wait_for(lambda: "maitred-interru" not in names(), "the interruption is over")


def test_a_dump_names_the_request_and_shows_where_it_is(start):
    core = start(APP, slots=2)
    stream = held(core)
    interrupt(core, stream, DUMP)
    wait_for(lambda: "in held_here" in core.stderr(), "the stacks are in the log")
    interrupted(core)
    lines = core.stderr().splitlines()
    assert lines[0] == "maitred: stacks of all threads"
    named = r"Thread 0x\w+ maitred-slot-\d, request id-7, which takes too long"
    assert re.match(named, lines[1]), "it comes first"
    assert "MainThread" in core.stderr(), "all threads are shown"
    (folder(core) / "go").touch()
    assert core.answer(stream).body == b"fine", "nothing was stopped"


def test_deferred_work_shows_its_stack_too(start):
    core = start(APP)
    stream = held(core, "/after")
    interrupt(core, stream, DUMP)
    wait_for(lambda: "request id-7, which takes too long" in core.stderr(), "the stacks")
    assert "in held_here" in core.stderr()
    (folder(core) / "go").touch()
    core.answer(stream)


def test_stacks_are_shown_while_native_code_holds_the_lock(start):
    core = start(APP)
    stream = held(core, "/lock")
    interrupt(core, stream, DUMP)
    wait_for(lambda: "in app" in core.stderr(), "the stacks are in the log")
    assert "without the interpreter's lock" in core.stderr()


def test_an_error_is_raised_in_what_overstays(start):
    core = start(APP)
    stream = held(core)
    core.send(CANCEL, stream, encode([(1, DEADLINE)]))
    interrupt(core, stream, RAISE)
    assert core.answer(stream).readies == 1
    assert "maitred._errors.Overstayed" in core.stderr()
    assert core.get("/").body == b"fine", "the slot serves on"


def test_an_error_is_raised_in_deferred_work(start):
    core = start(APP)
    stream = held(core, "/after")
    interrupt(core, stream, RAISE)
    answer = core.answer(stream)
    assert (answer.body, answer.failed) == (b"fine", 1)
    assert "request id-7 GET /after failed in deferred work" in core.stderr()


def test_an_error_that_comes_too_late_is_not_raised_in_the_next_request(start):
    core = start(APP, slots=2)
    stream = core.request("/pieces")
    interrupt(core, stream, RAISE)
    interrupted(core)
    core.get("/put")
    assert core.answer(stream).body == b"late"
    for _ in range(10):
        assert core.get("/").body == b"fine"
    assert "Overstayed" not in core.stderr()


def test_an_interrupt_for_what_is_over_does_nothing(start):
    core = start(APP)
    stream = core.request("/")
    core.answer(stream)
    interrupt(core, stream, RAISE)
    interrupt(core, stream, DUMP)
    interrupted(core)
    assert core.get("/").body == b"fine"
    assert core.stderr() == ""


def test_a_host_is_alive_however_long_its_slots_are_busy(start):
    core = start(APP)
    stream = held(core)
    ages = []

    def signs():
        interrupted(core)
        ages.append(core.pongs[-1].get(3, [0])[0])
        return sum(later < age for age, later in zip(ages, ages[1:]))

    # The main thread says so once a second, whatever the slots do.
    wait_for(lambda: signs() >= 2, "it gives signs of life")
    (folder(core) / "go").touch()
    core.answer(stream)


def test_a_host_whose_lock_is_held_is_silent(start):
    core = start(APP)
    held(core, "/lock")

    def age():
        interrupted(core)
        return core.pongs[-1].get(3, [0])[0]

    wait_for(lambda: age() > 1500, "its age rises, although the process answers")
