"""What overstays its lease: each step of the escalation, on real processes.

Leases are short here, and only for what is meant to overstay: deferred work, or a request that
says so in a header. So a slow machine makes nothing else overstay.
"""

import json
import os
import signal

from harness import proc
from harness.until import until

SOON = {"X-Timeout": "300ms"}
HEADER = {"leases_request_header": "X-Timeout"}

ROUTES = """
[[routes]]
path = "/until-told"
request_lease = "300ms"

[[routes]]
path = "/after"
deferred_lease = "300ms"
"""


def lease(core, kind: str) -> dict:
    """How often each step was taken about one kind of lease."""
    return core.totals()["leases"].get(kind, {})


def states(core) -> dict[int, str]:
    """The living processes."""
    return {process["pid"]: process["state"] for process in core.pool()["processes"]}


def slots_of(core, pid: int) -> str:
    """What the slots of a process do."""
    (slots,) = [it["slots"] for it in core.pool()["processes"] if it["pid"] == pid]
    return slots


def test_what_does_not_answer_is_named_in_the_log_with_its_stack(serve):
    core = serve(processes=1, leases_first_byte_warn="300ms")
    with core.wire() as wire:
        wire.get("/hold?gate=hold", "X-Request-Id: table-9")
        core.says("GET /hold: has not begun to answer for")
        core.says("table-9")
        core.says("in pass_gate")
        core.says("request table-9, which takes too long")
        core.open_gate("hold")
        assert wire.response().status == 200, "it was only said"
    assert lease(core, "first_byte")["warned"] == 1


def test_a_request_over_its_time_is_answered_and_the_app_is_told(serve):
    core = serve(processes=1, leases_grace="60s", **HEADER)
    (pid,) = core.app_pids()
    with core.wire() as wire:
        wire.get("/until-told", "X-Timeout: 300ms")
        answer = wire.response()
    assert answer.status == 504
    assert answer.headers["x-maitred-reason"] == "request_lease"
    assert core.get("/pid").data == b"%d" % pid, "an app that listens keeps its process"
    totals = core.totals()
    assert totals["failed_by_reason"] == {"request_lease": 1}
    assert totals["leases"]["request"]["told"] == 1
    assert core.pool()["exits"] == []


def test_a_route_has_leases_of_its_own(serve):
    core = serve(processes=1, toml=ROUTES, leases_grace="60s")
    pids = core.app_pids()
    assert core.get("/until-told").status == 504
    assert core.get("/").status == 200
    assert core.app_pids() == pids
    assert core.get("/after?gate=later").status == 200
    until(lambda: lease(core, "deferred").get("retired") == 1, "its process is replaced")
    core.open_gate("later")
    until(lambda: pids[0] not in core.app_pids(), "and leaves when it is done")


def test_who_may_not_set_a_lease_sets_none(serve):
    core = serve(processes=1, trusted_proxies="10.1.1.1", **HEADER)
    with core.wire() as wire:
        wire.get("/hold?gate=hold", "X-Timeout: 1ms")
        until(lambda: core.pool()["slots"]["running"] == 1, "it runs")
        core.open_gate("hold")
        assert wire.response().status == 200
    assert lease(core, "request") == {}


def test_an_error_is_raised_in_what_does_not_listen(serve):
    core = serve(processes=1, leases_raise="true", leases_grace="3s", **HEADER)
    pids = core.app_pids()
    assert core.get("/hold?gate=never", SOON).status == 504
    core.says("an error is raised in it")
    core.says("maitred._errors.Overstayed")
    until(lambda: core.pool()["slots"]["idle"] == 1, "its slot is free")
    assert core.get("/").status == 200
    assert core.app_pids() == pids, "and its process serves on"
    counts = lease(core, "request")
    assert (counts["told"], counts["raised"], counts["retired"]) == (1, 1, 0)


def test_what_neither_listens_nor_can_be_raised_in_has_its_process_replaced(serve):
    settings = {"leases_raise": "true", "leases_grace": "100ms", "leases_drain": "1s", **HEADER}
    core = serve(processes=1, slots=2, **settings)
    (old,) = core.app_pids()
    # One call of C: no error reaches it, although other threads may run.
    assert core.get("/sleep?ms=600000", SOON).status == 504

    def replaced() -> bool:
        return core.get("/pid").data != b"%d" % old and core.get("/pid").status == 200

    until(replaced, "another process serves")
    until(lambda: old not in core.app_pids(), "the old one is gone", 60)
    counts = core.totals()["leases"]
    assert (counts["request"]["told"], counts["request"]["retired"]) == (1, 1)
    assert (counts["drain"]["terminated"], counts["drain"]["killed"]) == (1, 1)
    (gone,) = core.pool()["exits"]
    assert gone["pid"] == old
    assert "did not finish in time" in gone["reason"]
    until(lambda: proc.parent(old) is None, "and ended")


def test_a_slot_that_overstays_costs_the_others_nothing(prepare):
    core = prepare("late:app")
    core.open_gate("boot")
    settings = {"leases_deferred": "300ms", "leases_drain": "10s"}
    core.start("--processes=1", "--slots=3", **settings).ready(1)
    (old,) = core.app_pids()
    # Its replacement takes as long as it takes.
    (core.gates / "boot").unlink()
    assert core.get("/close?gate=stay").status == 200
    until(lambda: states(core).get(old) == "retiring", "it is being replaced")
    with core.wire() as beside, core.wire() as wire:
        beside.get("/hold?gate=beside")
        until(lambda: slots_of(core, old).count("R") == 1, "it takes requests")
        for _ in range(20):
            wire.get("/pid")
            answer = wire.response()
            assert (answer.status, answer.body) == (200, b"%d" % old)
        core.open_gate("boot")
        until(lambda: states(core).get(old) == "draining", "the replacement is up")
        wire.get("/pid")
        assert wire.response().body != b"%d" % old
        core.open_gate("beside")
        assert beside.response().body == b"%d" % old, "what ran beside it is finished"
    pool = core.pool()
    assert pool["queue"]["peak"] == 0, "nobody waited for a moment"
    assert pool["totals"]["done"] == pool["totals"]["arrived"]
    assert pool["totals"]["leases"]["deferred"] == {
        "warned": 0,
        "told": 1,
        "raised": 0,
        "retired": 1,
        "terminated": 0,
        "killed": 0,
    }
    core.says("GET /close: has worked on after its response for")
    core.says("process is replaced")
    core.open_gate("stay")
    until(lambda: old not in core.app_pids(), "it leaves as soon as it is done")
    assert core.totals()["deferred_lost"] == 0


def test_a_process_that_hangs_shows_its_stacks_and_is_replaced(serve):
    core = serve(processes=2, leases_hang="3s", leases_drain="1s")
    with core.wire() as wire:
        wire.post("/stuck", b"x")
        until(lambda: core.pool()["slots"]["running"] == 1, "it runs")
        core.says("runs in a process that gives no sign of life")
        core.says("without the interpreter's lock")
        core.says("in stuck")
        until(lambda: core.get("/pid").status == 200, "others serve")
        assert wire.response().status == 502
    totals = core.totals()
    assert totals["leases"]["hang"]["retired"] == 1
    assert totals["failed_by_reason"] == {"process_died": 1}
    assert core.ready(2).get("/").status == 200


def test_deferred_work_that_fails_is_logged_and_counted(serve):
    core = serve(processes=1)
    assert core.get("/after-fails", {"X-Request-Id": "table-3"}).status == 200
    core.says("request table-3 GET /after-fails failed in deferred work")
    core.says("the kitchen is on fire")
    until(lambda: core.totals()["deferred_failed"] == 1, "it is counted")


def test_deferred_work_that_is_cut_is_lost_by_name(serve):
    core = serve(processes=1, stop_timeout="1s")
    assert core.get("/after?gate=never", {"X-Request-Id": "table-4"}).status == 200
    until(lambda: core.pool()["slots"]["deferred"] == 1, "it works on")
    core.signal(signal.SIGTERM)
    assert core.wait() == 0
    (line,) = [line for line in core.log().splitlines() if "lost after the response" in line]
    assert "GET /after: lost after the response: pass_gate" in line
    assert "table-4" in line


def test_deferred_work_that_close_began_is_lost_by_name_too(serve):
    core = serve(processes=1)
    assert core.get("/close-defers?gate=never", {"X-Request-Id": "table-5"}).status == 200
    (pid,) = core.app_pids()
    until(lambda: core.journal() == ["washing"], "its work has begun, and so it has a name")
    os.kill(pid, signal.SIGKILL)
    core.says("GET /close-defers: lost after the response: wash_up")
    core.says("table-5")


def test_deferred_work_is_told_when_its_lease_is_over(serve):
    core = serve(processes=1, leases_deferred="300ms")
    pids = core.app_pids()
    assert core.get("/after-until-told").status == 200
    until(lambda: core.journal() == ["stopped"], "it ends by itself")
    assert lease(core, "deferred")["told"] == 1
    until(lambda: pids[0] not in core.app_pids(), "its process is replaced all the same")
    assert core.totals()["deferred_lost"] == 0


def test_deferred_work_is_told_before_its_process_is_ended(serve):
    core = serve(processes=1, leases_drain="300ms")
    pids = core.app_pids()
    assert core.get("/after-until-told").status == 200
    until(lambda: core.pool()["slots"]["deferred"] == 1, "it works on")
    # Told to leave: it is replaced, and has the drain lease to finish.
    os.kill(pids[0], signal.SIGTERM)
    until(lambda: core.journal() == ["stopped"], "it ends by itself")
    until(lambda: pids[0] not in core.app_pids(), "its process has left")
    assert lease(core, "drain")["told"] == 1
    assert core.totals()["deferred_lost"] == 0


def test_deferred_work_that_is_cut_is_told_to_the_error_hooks(prepare):
    core = prepare("reports:app").start("--processes=1", leases_drain="300ms").ready(1)
    for where in ("/close", "/after"):
        core.journal_file.unlink(missing_ok=True)
        (old,) = core.app_pids()
        assert core.get(f"{where}?gate=never", {"X-Request-Id": "table-6"}).status == 200
        until(lambda: core.pool()["slots"]["deferred"] == 1, "it works on")
        os.kill(old, signal.SIGTERM)
        what = "close" if where == "/close" else "after_response"
        until(lambda: core.journal() == [f"DeferredCut|{what}|table-6|{where}"], "it is told")
        until(lambda: old not in core.app_pids(), "and cut")
    assert core.totals()["deferred_lost"] == 2


def test_the_status_says_what_overstayed_and_what_is_replaced(prepare):
    core = prepare("late:app")
    core.open_gate("boot")
    core.start("--processes=1", "--slots=2", leases_deferred="300ms").ready(1)
    (core.gates / "boot").unlink()
    core.get("/close?gate=stay")
    until(lambda: "retiring" in states(core).values(), "it is being replaced")
    text = core.command("status", "--instance", core.name).stdout
    assert "retiring" in text
    assert "overstayed: deferred 1 told, 1 retired" in text
    retired = [process["retired"] for process in core.pool()["processes"]]
    assert "deferred" in retired, json.dumps(retired)
