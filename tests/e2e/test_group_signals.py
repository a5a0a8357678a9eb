"""Signals that reach the whole tree at once lose no request.

Platforms send SIGTERM to every process that they started, and Ctrl-C reaches the whole foreground
group. The app's processes must not die of what was meant as a wish to leave.
"""

import os
import signal

import pytest
from harness import proc
from harness.load import OK, REFUSED, UNANSWERED, Load
from harness.until import until

SLOTS = 4
CLIENTS = 2  # half of the slots: load 0.5
BEFORE = 100  # requests before the signal


def to_every_pid(core) -> None:
    """SIGTERM as Heroku and systemd send it."""
    for pid in [core.pid, *proc.descendants(core.pid)]:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def app_first(core) -> None:
    """The same, but the app's processes hear it before the core does."""
    for pid in [*proc.descendants(core.pid), core.pid]:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def interrupt_group(core) -> None:
    """SIGINT as a terminal sends it on Ctrl-C."""
    os.killpg(core.pid, signal.SIGINT)


@pytest.mark.parametrize("send", [to_every_pid, app_first, interrupt_group])
def test_no_request_fails_when_the_whole_tree_is_told_to_leave(serve, send):
    core = serve(processes=2, slots=2)
    with Load(
        core.port, lambda n: ("GET", "/sleep?ms=10"), threads=CLIENTS, requests=100_000
    ) as load:
        until(lambda: load.sent() >= BEFORE, "the load is on")
        send(core)
        assert core.wait() == 0, core.log()
    outcomes = load.outcomes()
    assert outcomes[OK] >= BEFORE
    assert set(outcomes) <= {OK, UNANSWERED, REFUSED}, outcomes
    # A connection may be closed while a request is on its way to it: that request was not taken,
    # and its client may send it again. It must not have been given to the app.
    given = set(core.journal())
    lost = [r for r in load.results if r.outcome == UNANSWERED and r.token in given]
    assert not lost


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT])
def test_what_runs_is_finished_before_the_core_leaves(serve, number):
    core = serve()
    with core.wire() as wire:
        wire.get("/hold?gate=hold")
        until(lambda: core.pool()["slots"]["running"] == 1, "it runs")
        core.signal(number)
        until(lambda: not listens(core), "the core does not listen any more")
        core.open_gate("hold")
        answer = wire.response()
        assert answer.status == 200
        assert answer.headers["connection"] == "close"
        assert wire.is_closed()
    assert core.wait() == 0, core.log()


def test_a_second_interrupt_ends_it_now(serve):
    core = serve()
    with core.wire() as wire:
        wire.get("/hold?gate=never")
        until(lambda: core.pool()["slots"]["running"] == 1, "it runs")
        core.signal(signal.SIGINT)
        until(lambda: not listens(core), "the core does not listen any more")
        core.signal(signal.SIGINT)
        core.wait(within=10)
    core.leaves_nothing()


def test_the_signal_that_ends_a_deferred_slot_waits_for_its_work(serve):
    core = serve()
    core.get("/close?gate=close")
    core.signal(signal.SIGTERM)
    until(lambda: not listens(core), "the core does not listen any more")
    deferring = [pid for pid in core.family() if pid != core.pid]
    assert deferring
    core.open_gate("close")
    assert core.wait() == 0, core.log()
    assert "lost" not in core.log()


def listens(core) -> bool:
    """Whether a new client still gets a connection."""
    try:
        core.wire().socket.close()
    except (ConnectionRefusedError, ConnectionResetError):
        # Reset: it came just before the socket was closed (docs/decisions/0004).
        return False
    return True
