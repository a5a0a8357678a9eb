"""A slot that still works after its response is not picked, and its client does not wait."""

from harness.load import Load
from harness.until import until


def test_the_client_does_not_wait_for_close(serve):
    core = serve()
    assert core.get("/close?gate=close").status == 200
    slots = core.pool()["slots"]
    assert (slots["deferred"], slots["idle"]) == (1, 1)


def test_the_client_does_not_wait_for_work_after_the_response(serve):
    core = serve()
    assert core.get("/after?gate=after").status == 200
    assert core.pool()["slots"]["deferred"] == 1
    core.open_gate("after")
    until(lambda: core.pool()["slots"]["idle"] == 2, "both slots are idle")
    assert core.totals()["deferred"] == 1


def test_a_deferred_slot_is_not_picked_while_another_is_idle(serve):
    core = serve()
    deferred = core.get("/close?gate=close").data
    with core.wire() as wire:
        for _ in range(50):
            answer = wire.get("/pid").response()
            assert answer.status == 200
            assert answer.body != deferred
    assert core.pool()["queue"]["peak"] == 0
    core.open_gate("close")
    until(lambda: core.pool()["slots"]["idle"] == 2, "both slots are idle")


def test_a_sequential_client_never_waits_behind_a_deferred_slot(serve):
    core = serve()
    for _ in range(10):
        assert core.get("/close?ms=300").status == 200
        assert core.get("/").status == 200
        until(lambda: core.pool()["slots"]["deferred"] == 0, "the deferred work is done")
    pool = core.pool()
    assert pool["queue"]["peak"] == 0
    assert pool["totals"]["deferred"] == 10


def test_a_request_waits_while_every_slot_is_deferred(serve):
    core = serve()
    core.get("/close?gate=first")
    core.get("/close?gate=second")
    with core.wire() as wire:
        wire.get("/pid")
        pool = until(lambda: core.pool()["queue"]["waiting"] and core.pool(), "it waits")
        assert pool["waiting_for"]
        assert pool["slots"]["deferred"] == 2
        core.open_gate("second")
        assert wire.response().status == 200


def test_the_status_shows_what_each_process_does(serve):
    core = serve()
    core.get("/close?gate=close")
    with core.wire() as wire:
        wire.get("/hold?gate=hold")

        def letters() -> bool:
            return sorted(p["slots"] for p in core.pool()["processes"]) == ["D", "R"]

        until(letters, "one slot is deferred and one runs")
        core.open_all_gates()
        assert wire.response().status == 200
    until(lambda: core.pool()["slots"]["idle"] == 2, "both slots are idle")


def test_deferred_work_under_load_loses_nothing(serve):
    core = serve(processes=2, slots=2)
    paths = ["/", "/", "/", "/", "/close?ms=10"]
    with Load(core.port, lambda n: ("GET", paths[n % 5]), threads=6, requests=500) as load:
        load.join()
    assert load.outcomes() == {"ok": 500}
    until(lambda: core.pool()["slots"]["idle"] == 4, "all slots are idle")
    totals = core.totals()
    assert totals["done"] == 500
    assert totals["deferred"] >= 100
    assert totals["reconciled"] == 0
