"""No app process outlives the core, whatever it is doing and however the core ends."""

import os
import signal

from harness import proc
from harness.until import until


def kill_core(core) -> None:
    """kill -9, and waits until every process of the tree is gone."""
    family = core.family()
    assert len(family) >= 3
    core.process.kill()
    core.wait()
    until(lambda: not core.family(), "no process is left", within=15)


def test_idle_processes_end_when_the_core_is_killed(serve):
    kill_core(serve())


def test_processes_that_run_and_defer_end_when_the_core_is_killed(serve):
    core = serve()
    core.get("/close?gate=never")
    with core.wire() as wire:
        wire.get("/hold?gate=never")
        until(lambda: core.pool()["slots"]["running"] == 1, "one runs")
        kill_core(core)


def test_a_process_that_hangs_with_the_interpreters_lock_ends_when_the_core_is_killed(serve):
    core = serve()
    with core.wire() as wire:
        wire.get("/stuck")
        until(lambda: core.pool()["slots"]["running"] == 1, "one hangs")
        kill_core(core)


def test_a_process_that_boots_ends_when_the_core_is_killed(prepare):
    core = prepare("late:app").start("--processes=2")
    until(lambda: len(core.family()) >= 3, "they boot")
    kill_core(core)


def test_a_process_that_hangs_does_not_hold_back_a_stop(serve):
    core = serve(stop_timeout="2s", leases_drain="1s")
    with core.wire() as wire:
        wire.get("/stuck")
        until(lambda: core.pool()["slots"]["running"] == 1, "one hangs")
        core.signal(signal.SIGTERM)
        core.wait(within=30)
    core.leaves_nothing()


def test_the_core_reaps_what_it_started(serve):
    core = serve()
    for pid in core.app_pids():
        os.kill(pid, signal.SIGKILL)
    core.ready(2)
    assert sorted(proc.descendants(core.pid)) == sorted(core.app_pids())
