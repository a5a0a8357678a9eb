"""What balancers and orchestrators are told: does the core live, and may clients be sent?"""

import http.client
import signal
from contextlib import ExitStack

import pytest
from harness.core import free_port
from harness.until import until

READY = (200, "ready", b"ready\n")


def probe(port: int, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    """The status, the word and the text that a probe gets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.getheader("X-Maitred-Reason"), response.read()
    finally:
        connection.close()


def answers(port: int) -> bool:
    """Whether anybody listens yet."""
    try:
        return probe(port, "/health")[0] == 200
    except ConnectionRefusedError:
        return False


@pytest.fixture
def observed(prepare):
    """Starts a core with an observe listener, and waits for that alone."""

    def start(app: str = "main:app", *args: str, **settings: str):
        core = prepare(app)
        core.observe = free_port()
        core.start("--processes=1", *args, observe=f"127.0.0.1:{core.observe}", **settings)
        until(lambda: answers(core.observe), "the observe listener answers")
        return core

    return start


def test_a_core_is_healthy_before_it_is_ready(observed):
    core = observed("late:app")
    assert probe(core.observe, "/health") == (200, "healthy", b"healthy\n")
    status, word, text = probe(core.observe, "/ready")
    assert (status, word) == (503, "booting")
    assert text.startswith(b"booting: ")
    core.open_gate("boot")
    until(lambda: probe(core.observe, "/ready") == READY, "it is ready")


def test_taken_slots_are_no_reason_and_a_queue_that_stands_is(observed):
    core = observed(ready_queue_age_max="300ms").ready(1)
    with ExitStack() as stack:
        wires = [stack.enter_context(core.wire()).get("/hold?gate=hold")]
        until(lambda: core.pool()["slots"]["running"] == 1, "the only slot is taken")
        assert probe(core.observe, "/ready") == READY
        wires.append(stack.enter_context(core.wire()).get("/pid"))
        saturated = until(
            lambda: (said := probe(core.observe, "/ready"))[0] == 503 and said, "it is saturated"
        )
        assert saturated[1] == "saturated"
        assert probe(core.observe, "/health")[0] == 200, "a full core is not to be restarted"
        core.open_gate("hold")
        assert [wire.response().status for wire in wires] == [200] * 2
        assert probe(core.observe, "/ready") == READY


def test_a_core_that_is_told_to_leave_is_not_ready_although_it_serves(observed):
    core = observed(drain_delay="60s").ready(1)
    core.signal(signal.SIGTERM)
    draining = until(
        lambda: (said := probe(core.observe, "/ready"))[0] == 503 and said, "it is not ready"
    )
    assert draining[1] == "draining"
    assert core.get("/").status == 200
    with core.wire() as wire:
        wire.get("/hold?gate=hold")
        until(lambda: core.pool()["slots"]["running"] == 1, "it runs")
        core.signal(signal.SIGINT)  # in a hurry: without the delay
        until(lambda: core.status()["draining"], "it drains")
        assert probe(core.observe, "/ready")[1] == "draining"
        assert probe(core.observe, "/health")[0] == 200
        core.open_gate("hold")
        assert wire.response().status == 200
    assert core.wait() == 0
    with pytest.raises(ConnectionRefusedError):
        probe(core.observe, "/health")


def test_the_observe_listener_has_nothing_else_and_changes_nothing(observed):
    core = observed()
    assert probe(core.observe, "/metrics")[0] == 404
    assert probe(core.observe, "/")[0] == 404
    assert probe(core.observe, "/ready", "POST")[0] == 405
    assert probe(core.observe, "/health", "HEAD") == (200, "healthy", b"")


def test_a_port_for_probes_that_is_taken_is_one_line_with_the_name_of_the_setting(prepare):
    core = prepare()
    core.start("--processes=1", observe=f"127.0.0.1:{core.port}")
    assert core.wait() == 2
    (line,) = core.log().splitlines()
    assert "in use" in line and "`observe`" in line


def test_an_app_has_its_own_paths_unless_one_is_given_away(serve):
    core = serve()
    assert core.get("/health").status == 404, "the app's own"
    core = serve(health_path="/health")
    answer = core.get("/health", {"X-Token": "probe"})
    assert (answer.status, answer.getheader("X-Maitred-Reason")) == (200, "ready")
    assert core.request("POST", "/health", b"x").status == 404, "only a question is answered"
    assert core.get("/").status == 200
    assert core.journal() == []


def test_a_path_for_balancers_says_when_the_core_cannot_serve_yet(prepare):
    core = prepare("late:app").start("--processes=1", health_path="/up")
    until(lambda: answers_on_the_public_side(core), "it listens")
    answer = core.get("/up")
    assert (answer.status, answer.getheader("X-Maitred-Reason")) == (503, "booting")
    core.open_gate("boot")
    core.ready(1)
    assert core.get("/up").status == 200


def answers_on_the_public_side(core) -> bool:
    """Whether anybody listens yet."""
    try:
        core.wire().socket.close()
    except ConnectionRefusedError:
        return False
    return True
