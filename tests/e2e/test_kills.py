"""Processes are killed at random under load, and every request is accounted for."""

import os
import random
import signal
from collections import Counter

from harness import proc
from harness.load import BROKEN, OK, UNANSWERED, Load
from harness.until import until

KILLS = 12
REQUESTS = 1500


def kill_one(core, chance: random.Random) -> int | None:
    """Kills one of the living app processes; None when another one has taken care of that."""
    pids = core.app_pids()
    if not pids:
        return None
    pid = chance.choice(pids)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return pid


def test_every_request_is_accounted_for_when_processes_are_killed_under_load(serve):
    core = serve(processes=4)
    chance = random.Random(7)

    def choose(number: int) -> tuple[str, str]:
        return ("POST" if number % 4 == 0 else "GET", "/sleep?ms=5")

    killed = set()
    with Load(core.port, choose, threads=6, requests=REQUESTS) as load:
        for step in range(1, KILLS + 1):
            due = REQUESTS * step // (KILLS + 2)
            until(lambda due=due: load.sent() >= due, f"{due} requests have ended", 60)
            killed.add(kill_one(core, chance))
        load.join()

    outcomes = load.outcomes()
    assert sum(outcomes.values()) == REQUESTS
    assert set(outcomes) <= {OK, "502", BROKEN}, outcomes
    totals = core.totals()
    assert totals["arrived"] == REQUESTS
    assert totals["done"] == outcomes[OK]
    assert totals["failed"] == REQUESTS - outcomes[OK]

    # What is not idempotent runs once at most. What is may run again, and then succeeds.
    runs = Counter(core.journal())
    for result in load.results:
        if result.method == "POST":
            assert runs[result.token] <= 1, result
        elif result.outcome != OK:
            assert runs[result.token] > 1, result
    assert not [result for result in load.results if result.outcome == UNANSWERED]

    until(lambda: len(core.ready(4).app_pids()) == 4, "all processes are replaced")
    exits = {gone["pid"] for gone in core.pool()["exits"]}
    assert exits & killed
    assert not exits & set(core.app_pids())


def test_a_killed_process_is_replaced_and_told(serve):
    core = serve()
    (first, second) = core.app_pids()
    os.kill(first, signal.SIGKILL)
    until(lambda: proc.parent(first) is None, "it is dead")

    def replaced() -> bool:
        pids = core.app_pids()
        return first not in pids and second in pids and len(pids) == 2

    until(replaced, "it is replaced")
    (gone,) = core.ready(2).pool()["exits"]
    assert gone["pid"] == first
    assert "SIGKILL" in gone["reason"] or "killed" in gone["reason"]
    assert gone["booted"]


def test_an_idle_process_that_is_killed_loses_no_request(serve):
    core = serve(processes=1)
    with core.wire() as wire:
        assert wire.get("/").response().status == 200
        os.kill(core.app_pids()[0], signal.SIGKILL)
        assert wire.get("/").response().status == 200
    assert core.totals()["failed"] == 0
