"""A thousand clients leave while they wait, and nothing of them stays behind."""

import pytest
from harness import proc
from harness.until import until

CLIENTS = 1000
BODY = b"x" * 20_000


def plain(wire) -> None:
    """A request without a body."""
    wire.get("/pid", "X-Token: waited")


def with_body(wire) -> None:
    """A request whose body the app will never read."""
    wire.post("/pid", BODY, "X-Token: waited")


def pipelined(wire) -> None:
    """Two requests at once: the second is still in the connection when the client leaves."""
    one = "GET /pid HTTP/1.1\r\nHost: test\r\nX-Token: waited\r\n\r\n"
    wire.send(one + one)


@pytest.mark.parametrize("ask", [plain, with_body, pipelined])
def test_a_thousand_clients_that_leave_the_queue_leave_nothing_behind(serve, ask):
    core = serve(processes=1, queue_max=str(2 * CLIENTS), queue_wait_max="300s")
    with core.wire() as holder:
        holder.get("/hold?gate=hold")
        until(lambda: core.pool()["slots"]["running"] == 1, "the slot is taken")
        descriptors = proc.descriptors(core.pid)
        left = core.totals()["left"]

        wires = []
        for _ in range(CLIENTS):
            wires.append(core.wire())
            ask(wires[-1])
        until(lambda: core.pool()["queue"]["waiting"] == CLIENTS, "all wait")
        for wire in wires:
            wire.socket.close()

        until(lambda: core.totals()["left"] == left + CLIENTS, "all are counted as left", 10)
        until(lambda: core.pool()["queue"]["waiting"] == 0, "none waits", 10)
        until(lambda: proc.connections(core.port, proc.CLOSE_WAIT) == 0, "no CLOSE_WAIT", 10)
        until(lambda: proc.descriptors(core.pid) <= descriptors, "descriptors are back", 10)

        core.open_gate("hold")
        assert holder.response().status == 200
    assert core.get("/pid").status == 200
    assert "waited" not in core.journal()
    assert core.status()["buffers"]["memory_bytes"] == 0
    assert core.status()["buffers"]["spool_bytes"] == 0


def test_a_client_that_leaves_while_its_request_runs_does_not_free_the_slot(serve):
    core = serve(processes=1)
    wire = core.wire()
    wire.get("/hold?gate=hold")
    until(lambda: core.pool()["slots"]["running"] == 1, "it runs")
    wire.socket.close()
    until(lambda: core.totals()["left"] == 1, "it is counted as left")
    assert core.pool()["slots"]["idle"] == 0
    with core.wire() as next_one:
        next_one.get("/pid")
        until(lambda: core.pool()["queue"]["waiting"] == 1, "the next one waits")
        core.open_gate("hold")
        assert next_one.response().status == 200
    until(lambda: core.pool()["slots"]["idle"] == 1, "the slot is idle")


def test_a_client_that_leaves_in_the_middle_of_its_upload_is_forgotten(serve):
    core = serve(processes=1)
    descriptors = proc.descriptors(core.pid)
    for _ in range(50):
        wire = core.wire()
        wire.send("POST /count HTTP/1.1\r\nHost: test\r\nX-Token: half\r\n")
        wire.send("Content-Length: 3000000\r\n\r\n").send(b"x" * 300_000)
        wire.socket.close()
    until(lambda: proc.descriptors(core.pid) <= descriptors, "descriptors are back", 10)

    def empty() -> bool:
        buffers = core.status()["buffers"]
        return buffers["memory_bytes"] == buffers["spool_bytes"] == 0

    until(empty, "nothing is held")
    assert core.journal() == []
    assert core.get("/").status == 200


def test_a_client_that_leaves_a_long_response_stops_it(serve):
    core = serve(processes=1)
    wire = core.wire(receive_buffer=4096)
    wire.get("/big?mb=2000")
    wire.head()
    wire.socket.close()
    until(lambda: core.pool()["slots"]["idle"] == 1, "the slot is idle")
    assert core.totals()["left"] == 1
    until(lambda: core.status()["buffers"]["spool_bytes"] == 0, "nothing is held")
