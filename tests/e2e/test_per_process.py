"""With a line per process a request waits for one process, but is not lost with it."""

import os
import signal
from contextlib import ExitStack

from harness.until import until


class Pair:
    """Two processes of one slot each, both held, with a line of one request each."""

    def __init__(self, core, stack: ExitStack) -> None:
        self.core = core
        self.held = {}
        self.waiting = {}
        for gate in ("first", "second"):
            wire = stack.enter_context(core.wire()).post(f"/hold?gate={gate}", b"")
            pid = until(lambda: self.new("slots", "R", self.held), "it runs")
            self.held[pid] = (gate, wire)
        for token in ("a", "b"):
            wire = stack.enter_context(core.wire()).get("/pid", f"X-Token: {token}")
            pid = until(lambda: self.new("queued", 1, self.waiting), "it waits")
            self.waiting[pid] = (token, wire)

    def new(self, field: str, value: object, known: dict) -> int | None:
        """The process of which that holds since now."""
        processes = self.core.pool()["processes"]
        pids = [it["pid"] for it in processes if it[field] == value and it["pid"] not in known]
        return pids[0] if pids else None

    def open(self, pid: int) -> None:
        """Lets the request that is held in a process go on."""
        self.core.open_gate(self.held[pid][0])


def test_a_request_waits_for_its_process_although_another_is_idle(serve):
    core = serve(routing="per-process")
    with ExitStack() as stack:
        pair = Pair(core, stack)
        assert core.pool()["queue"]["routing"] == "per-process"
        one, other = pair.held
        pair.open(one)
        assert pair.waiting[one][1].response().body == b"%d" % one
        until(lambda: core.pool()["slots"]["idle"] == 1, "one is idle")
        assert core.pool()["queue"]["waiting"] == 1, "it waits for the other one"
        pair.open(other)
        assert pair.waiting[other][1].response().body == b"%d" % other
        assert [wire.response().status for _, wire in pair.held.values()] == [200] * 2


def test_what_waited_for_a_process_that_dies_is_served_by_another(serve):
    core = serve(routing="per-process")
    with ExitStack() as stack:
        pair = Pair(core, stack)
        dead, other = pair.held
        os.kill(dead, signal.SIGKILL)
        answer = pair.held[dead][1].response()
        assert answer.headers["x-maitred-reason"] == "process_died", "it may not run twice"
        pair.open(other)
        answers = [wire.response() for _, wire in pair.waiting.values()]
        assert [answer.status for answer in answers] == [200] * 2
        assert b"%d" % dead not in [answer.body for answer in answers]
        assert pair.held[other][1].response().status == 200
    assert sorted(core.journal()) == ["a", "b"], "each once"
    totals = core.totals()
    assert (totals["done"], totals["failed"]) == (3, 1)


def test_what_waits_for_a_process_that_drains_goes_to_its_replacement(serve):
    core = serve(routing="per-process")
    with ExitStack() as stack:
        pair = Pair(core, stack)
        leaving, other = pair.held
        os.kill(leaving, signal.SIGTERM)
        body = pair.waiting[leaving][1].response().body
        assert int(body) not in pair.held, "neither of the two, which are both held"
        for pid in pair.held:
            pair.open(pid)
        assert pair.waiting[other][1].response().status == 200
        assert [wire.response().status for _, wire in pair.held.values()] == [200] * 2
