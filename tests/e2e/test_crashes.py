"""A process that dies in the middle of a request harms that request's client and nobody else."""

from contextlib import ExitStack

import pytest
from harness.until import until
from harness.wire import Closed


def test_a_request_that_may_not_run_twice_gets_502(serve):
    core = serve()
    answer = core.request("POST", "/die", b"x", {"X-Token": "once"})
    assert answer.status == 502
    assert answer.getheader("X-Maitred-Reason") == "process_died"
    assert core.journal() == ["once"]
    assert core.ready(2).get("/").status == 200


def test_a_request_that_kills_every_process_is_given_up_and_named(serve):
    core = serve()
    answer = core.get("/die", {"X-Token": "poison"})
    assert answer.status == 502
    assert answer.getheader("X-Maitred-Reason") == "poison"
    assert core.journal() == ["poison"] * 2
    core.says("/die")
    assert core.ready(2).get("/").status == 200
    totals = core.totals()
    assert totals["failed_by_reason"] == {"poison": 1}


def test_a_response_that_had_begun_is_visibly_broken(serve):
    core = serve()
    with core.wire() as wire:
        wire.get("/die-midway?gate=die")
        assert wire.head().status == 200
        assert wire.next_chunk() == b"first"
        core.open_gate("die")
        with pytest.raises((Closed, ConnectionResetError)):
            wire.next_chunk()
    assert core.totals()["failed"] == 1


def test_a_response_that_the_app_broke_off_is_visibly_broken(serve):
    core = serve()
    with core.wire() as wire:
        wire.get("/fail-midway?gate=fail")
        assert wire.head().status == 200
        assert wire.next_chunk() == b"first"
        core.open_gate("fail")
        with pytest.raises((Closed, ConnectionResetError)):
            wire.next_chunk()
    core.says("the kitchen is on fire")
    assert core.get("/").status == 200


def test_an_error_before_the_response_is_a_500_with_a_traceback_in_the_log(serve):
    core = serve()
    assert core.get("/fail").status == 500
    core.says("the kitchen is on fire")
    core.says("Traceback")
    assert len(core.app_pids()) == 2


def test_requests_beside_a_crash_are_run_again(serve):
    core = serve(processes=1, slots=4)
    with ExitStack() as stack:
        beside = [stack.enter_context(core.wire()) for _ in range(3)]
        for wire in beside:
            wire.get("/hold?gate=hold")
        until(lambda: core.pool()["slots"]["running"] == 3, "three run")
        killer = stack.enter_context(core.wire())
        killer.post("/die", b"x")
        assert killer.response().status == 502
        core.open_gate("hold")
        assert [wire.response().status for wire in beside] == [200] * 3
    totals = core.totals()
    assert totals["failed"] == 1
    assert totals["retried"] >= 3


def test_requests_that_had_not_started_go_to_another_process(serve):
    core = serve(processes=1)
    with ExitStack() as stack:
        killer = stack.enter_context(core.wire())
        killer.post("/die?gate=die", b"x")
        until(lambda: core.pool()["slots"]["running"] == 1, "it runs")
        waiting = [stack.enter_context(core.wire()) for _ in range(5)]
        for wire in waiting:
            wire.post("/count", b"hello")
        until(lambda: core.pool()["queue"]["waiting"] == 5, "five wait")
        core.open_gate("die")
        assert killer.response().status == 502
        for wire in waiting:
            answer = wire.response()
            assert (answer.status, answer.body[:2]) == (200, b"5 ")
