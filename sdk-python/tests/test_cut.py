"""Deferred work that its process takes along is told to `maitred.on_error` before."""

import signal
import time
from types import SimpleNamespace

import pytest
from fake_core import CANCEL, DRAIN, encode, wait_for
from maitred import DeferredCut, _cut, _hooks

SHUTDOWN = 3

APP = """
    import maitred, os, threading, time
    def work(name):
        open(name, "w").close()
        while not os.path.exists("go"):
            time.sleep(0.001)
    def write(line):
        with open("told", "a") as file:
            print(line, file=file, flush=True)
    @maitred.on_error
    def hangs(error, context):
        threading.Event().wait()
    @maitred.on_error
    def fails(error, context):
        write("fails is told")
        raise RuntimeError("of the hook")
    @maitred.on_error
    def reports(error, context):
        write(f"{type(error).__name__} {'|'.join(context)} {error}")
    class Body(list):
        def close(self): work("closing")
    def app(environ, start_response):
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/close":
            return Body([b"x"])
        if environ["PATH_INFO"] == "/after":
            maitred.after_response(work, "working")
            maitred.after_response(print)
        if environ["PATH_INFO"] == "/hold":
            work("holding")
        return [b"x"]
"""


def told(core):
    file = core.stderr_path.parent / "told"
    return sorted(file.read_text().splitlines()) if file.exists() else []


def end(core, streams):
    """What a core does when the drain lease is over."""
    core.send(DRAIN, 0, encode([(1, SHUTDOWN)]))
    core.until(lambda: core.goodbye is not None)
    for stream in streams:
        core.send(CANCEL, stream, encode([(1, SHUTDOWN)]))
    core.process.send_signal(signal.SIGTERM)


def test_work_that_is_cut_is_told_to_every_hook_before_the_process_ends(start):
    core = start(APP, slots=3)
    close = core.request("/close?x", request_id="id-1")
    after = core.request("/after", request_id="id-2")
    held = core.request("/hold", request_id="id-3")
    folder = core.stderr_path.parent
    for name in ("closing", "working", "holding"):
        wait_for((folder / name).exists, "it runs")
    end(core, [close, after])
    cut = [
        "DeferredCut after_response|id-2|GET|/after cut with its process: work and 1 more",
        "DeferredCut close|id-1|GET|/close cut with its process: close()",
        "fails is told",
        "fails is told",
    ]
    wait_for(lambda: told(core) == cut, "each is told once, and the request not at all")
    (folder / "go").touch()
    for stream in (close, after, held):
        core.answer(stream)
    core.link.close()
    assert core.process.wait(10) == 0, "a hook that hangs keeps no process"
    assert told(core) == cut
    assert "of the hook" in core.stderr()


def test_work_is_told_too_when_the_core_has_let_go_of_its_process(start):
    core = start(APP)
    core.request("/after", request_id="id-2")
    wait_for((core.stderr_path.parent / "working").exists, "it runs")
    core.link.close()
    core.process.send_signal(signal.SIGTERM)
    wait_for(lambda: len(told(core)) == 2, "both hooks are told")


# What decides, without a process.


class Work:
    """A request whose deferred work runs."""

    id = "id-9"

    def __init__(self):
        self.told = False

    def cancelled(self):
        return self.told


@pytest.fixture
def scene(monkeypatch):
    """A slot with deferred work in a process that leaves, and a clock that the test turns."""
    it = SimpleNamespace(now=100.0, parent=7, leaving=True, work=Work(), told=[])
    monkeypatch.setattr(_cut, "time", SimpleNamespace(monotonic=lambda: it.now))
    monkeypatch.setattr(_cut, "os", SimpleNamespace(getppid=lambda: it.parent))
    hook = lambda error, context: it.told.append((type(error), context.request_id))  # noqa: E731
    monkeypatch.setattr(_hooks, "error_hooks", [hook])

    class Slot:
        @property
        def working(self):
            return ("close", it.work, {}, "") if it.work else None

    cuts = _cut.Cuts(SimpleNamespace(is_leaving=lambda: it.leaving), [Slot()])

    def after(seconds):
        it.now += seconds
        cuts.look()
        cuts.finish()
        return it.told

    it.signal, it.after, it.pause = cuts.signalled, after, cuts.pause
    return it


CUT = [(DeferredCut, "id-9")]


def test_work_has_a_moment_to_end_by_itself(scene):
    scene.work.told = True
    scene.signal()
    assert scene.pause(60) == pytest.approx(_cut.PATIENCE_S)
    assert scene.after(_cut.PATIENCE_S - 0.1) == []
    scene.work = None
    assert scene.after(1) == []


def test_work_that_was_not_told_to_end_is_not_cut_yet(scene):
    scene.signal()
    assert scene.after(1) == [], "the signal reached the whole group"
    scene.work.told = True
    assert scene.after(1) == [], "and only a signal ends a process"
    scene.signal()
    assert scene.after(1) == CUT


def test_a_wish_to_leave_cuts_nothing(scene):
    scene.work.told, scene.leaving = True, False
    scene.signal()
    assert scene.after(1) == []


def test_what_was_told_is_not_told_again(scene):
    scene.work.told = True
    for _ in range(2):
        scene.signal()
        assert scene.after(1) == CUT


def test_work_has_more_time_where_the_core_is_gone(scene):
    scene.work.told, scene.parent = True, 1
    scene.signal()
    assert scene.after(1) == []
    assert scene.after(_cut.ORPHAN_PATIENCE_S) == CUT


def test_signals_that_follow_put_nothing_off(scene):
    scene.work.told = True
    scene.signal()
    assert scene.after(_cut.PATIENCE_S / 2) == []
    scene.signal()
    assert scene.after(_cut.PATIENCE_S / 2 + 0.01) == CUT
    assert scene.after(_cut.PATIENCE_S) == CUT
    assert scene.pause(60) == 60


def test_a_signal_that_follows_has_a_time_of_its_own(scene):
    scene.signal()
    assert scene.after(_cut.PATIENCE_S - 0.01) == []
    scene.signal()
    assert scene.after(0.02) == [], "the core's word is on its way"
    scene.work.told = True
    assert scene.after(_cut.PATIENCE_S) == CUT
