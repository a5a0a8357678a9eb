"""The queue has an end, in length and in time, and says so in a way that programs understand."""

from contextlib import ExitStack

import pytest
from harness.until import until


def occupy(core, stack: ExitStack, gate: str = "hold"):
    """Takes the only slot until the gate opens."""
    wire = stack.enter_context(core.wire())
    wire.get(f"/hold?gate={gate}")
    until(lambda: core.pool()["slots"]["running"] == 1, "the slot is taken")
    return wire


def refused(answer, reason: str) -> None:
    """It is a refusal that says why and when to come back."""
    assert answer.status == 503
    assert answer.headers["x-maitred-reason"] == reason
    assert int(answer.headers["retry-after"]) >= 1


def test_a_full_queue_refuses_the_newest_and_serves_the_rest(serve):
    core = serve(processes=1, queue_max="2")
    with ExitStack() as stack:
        first = occupy(core, stack)
        waiting = [stack.enter_context(core.wire()).get("/pid") for _ in range(2)]
        until(lambda: core.pool()["queue"]["waiting"] == 2, "two wait")
        newest = stack.enter_context(core.wire()).get("/pid")
        refused(newest.response(), "queue_full")
        core.open_gate("hold")
        for wire in [first, *waiting]:
            assert wire.response().status == 200
        # A refusal does not cost the client its connection.
        assert newest.get("/pid").response().status == 200
    totals = core.totals()
    assert totals["refused"] == 1
    assert totals["refused_by_reason"] == {"queue_full": 1}
    assert totals["done"] == 4


def test_a_request_that_waits_too_long_is_refused(serve):
    core = serve(processes=1, queue_wait_max="300ms")
    with ExitStack() as stack:
        first = occupy(core, stack)
        late = stack.enter_context(core.wire()).get("/pid", "X-Token: late")
        refused(late.response(), "queue_wait")
        core.open_gate("hold")
        assert first.response().status == 200
    assert "late" not in core.journal()


def test_in_an_overload_a_wait_ends_at_the_target(serve):
    settings = {"queue_overload_target": "200ms", "queue_overload_interval": "300ms"}
    core = serve(processes=1, queue_overload="newest-first", **settings)
    with ExitStack() as stack:
        first = occupy(core, stack)
        late = stack.enter_context(core.wire()).get("/pid", "X-Token: late")
        refused(late.response(), "overload")
        core.open_gate("hold")
        assert first.response().status == 200
    assert "late" not in core.journal()


def test_in_an_overload_the_newest_goes_first(serve):
    # Seconds of room everywhere, so that nobody is too late on a slow machine: who waits reaches
    # the target after 8 s, and 4 s later that is an overload.
    settings = {"queue_overload_target": "8s", "queue_overload_interval": "4s"}
    core = serve(processes=1, queue_overload="newest-first", **settings)
    with ExitStack() as stack:
        wires = [stack.enter_context(core.wire()) for _ in range(4)]
        stalled, bridge, early, late = wires
        first = occupy(core, stack)
        stalled.get("/pid", "X-Token: stalled")
        until(lambda: core.pool()["queue"]["oldest_us"] > 6_000_000, "it has waited for long")
        # An overload is over when nobody waits: this one sees to it that somebody does.
        bridge.get("/pid", "X-Token: bridge")
        refused(stalled.response(), "overload")
        for count, (wire, token) in enumerate([(early, "early"), (late, "late")], start=2):
            wire.get("/pid", f"X-Token: {token}")
            until(lambda n=count: core.pool()["queue"]["waiting"] == n, "it waits")
        assert core.pool()["queue"]["overloaded_us"] > 0
        core.open_gate("hold")
        assert [wire.response().status for wire in (first, late, early)] == [200] * 3
    assert core.journal()[:2] == ["late", "early"]


def test_first_come_is_first_served(serve):
    core = serve(processes=1)
    with ExitStack() as stack:
        occupy(core, stack)
        wires = []
        for number in range(20):
            wire = stack.enter_context(core.wire())
            wires.append(wire.get("/pid", f"X-Token: {number}"))
            until(lambda n=number: core.pool()["queue"]["waiting"] == n + 1, "it waits")
        core.open_gate("hold")
        assert [wire.response().status for wire in wires] == [200] * 20
    assert core.journal() == [str(number) for number in range(20)]


def test_requests_wait_for_the_first_boot(prepare):
    core = prepare("late:app").start("--processes=1")
    pool = until(lambda: listening(core) and core.pool(), "it listens")
    assert pool["readiness"] == "booting"
    with core.wire() as wire:
        wire.get("/pid")
        until(lambda: core.pool()["queue"]["waiting"] == 1, "it waits")
        core.open_gate("boot")
        assert wire.response().status == 200


def test_a_boot_that_lasts_too_long_is_a_reason_of_its_own(prepare):
    core = prepare("late:app").start("--processes=1", queue_booting_wait_max="300ms")
    until(lambda: listening(core), "it listens")
    with core.wire() as wire:
        refused(wire.get("/pid").response(), "booting_wait")
        core.open_gate("boot")
        core.ready(1)
        assert wire.get("/pid").response().status == 200


def test_a_refused_upload_is_not_read(serve):
    core = serve(processes=1, queue_max="1")
    with ExitStack() as stack:
        occupy(core, stack)
        stack.enter_context(core.wire()).get("/pid")
        until(lambda: core.pool()["queue"]["waiting"] == 1, "the queue is full")
        upload = stack.enter_context(core.wire())
        upload.send("POST /count HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n")
        upload.send("Content-Length: 1000000\r\n\r\n")
        refused(upload.response(), "queue_full")
        core.open_gate("hold")


@pytest.mark.parametrize("path", ["/fail", "/status?code=503"])
def test_an_error_of_the_app_is_not_a_refusal(serve, path):
    core = serve(processes=1)
    answer = core.get(path)
    assert answer.status in (500, 503)
    assert answer.getheader("X-Maitred-Reason") is None
    assert core.totals()["done"] == 1


def listening(core) -> bool:
    """Whether clients get a connection and the status can be asked."""
    try:
        core.wire().socket.close()
    except ConnectionRefusedError:
        return False
    return core.command("status", "--json", "--instance", core.name).returncode == 0
