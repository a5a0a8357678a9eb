"""Which process gets a request, when several could take it: work is spread before it is stacked."""

from contextlib import ExitStack

from harness.load import Load
from harness.until import until


def slots(core) -> list[str]:
    """The slots of each process, as letters."""
    return [process["slots"] for process in core.pool()["processes"]]


def taken(core) -> int:
    """How many slots run something."""
    return core.pool()["slots"]["running"]


def test_every_process_gets_one_request_before_any_gets_two(serve):
    core = serve(processes=4, slots=4)
    with ExitStack() as stack:
        wires = []
        for number in range(1, 9):
            wires.append(stack.enter_context(core.wire()).get("/hold?gate=hold"))
            until(lambda n=number: taken(core) == n, "it runs")
            counts = [process.count("R") for process in slots(core)]
            assert max(counts) - min(counts) <= 1, f"after {number}: {counts}"
        core.open_gate("hold")
        pids = [wire.response().body for wire in wires]
    assert len(set(pids[:4])) == len(set(pids[4:])) == 4


def test_four_clients_that_make_an_app_compute_keep_four_processes_at_work(serve):
    core = serve(processes=4, slots=4)
    with Load(core.port, lambda _: ("GET", "/spin?ms=5"), threads=4, requests=4000) as load:
        until(
            lambda: all(process["requests"] > 0 for process in core.pool()["processes"]),
            "every process has had a request",
        )
    assert set(load.outcomes()) == {"ok"}
