"""What is settled for some requests only: who goes first, and who waits for its body."""

from contextlib import ExitStack

import pytest
from harness.until import until

PRIORITIES = """
[[routes]]
path = "/hello"
priority = "high"

[[routes]]
path = "/pid"
priority = "low"
"""

BY_HEADER = 'priority_header = "X-Priority"\n' + PRIORITIES


def occupy(core, stack: ExitStack) -> None:
    """Takes the only slot until the gate opens."""
    stack.enter_context(core.wire()).get("/hold?gate=hold")
    until(lambda: core.pool()["slots"]["running"] == 1, "the slot is taken")


def line_up(core, stack: ExitStack, requests: list[tuple[str, ...]]) -> list:
    """Sends requests (path and headers), each when the one before it waits."""
    wires = []
    for number, (path, *headers) in enumerate(requests):
        wires.append(stack.enter_context(core.wire()).get(path, *headers))
        until(lambda n=number: core.pool()["queue"]["waiting"] == n + 1, "it waits")
    return wires


def test_priorities_of_routes_are_strict(serve):
    core = serve(processes=1, toml=PRIORITIES)
    with ExitStack() as stack:
        occupy(core, stack)
        paths = ["/environ", "/pid", "/hello", "/pid", "/hello", "/environ"]
        tokens = [(path, f"X-Token: {n}{path}") for n, path in enumerate(paths)]
        wires = line_up(core, stack, tokens)
        core.open_gate("hold")
        assert [wire.response().status for wire in wires] == [200] * 6
    order = ["2/hello", "4/hello", "0/environ", "5/environ", "1/pid", "3/pid"]
    assert core.journal() == order


@pytest.mark.parametrize("trusted", [True, False])
def test_only_a_trusted_proxy_says_the_priority_of_a_request(serve, trusted):
    proxies = "127.0.0.1" if trusted else "192.0.2.0/24"
    core = serve(processes=1, toml=BY_HEADER, trusted_proxies=proxies)
    with ExitStack() as stack:
        occupy(core, stack)
        said = [
            ("/hello", "X-Token: low", "X-Priority: low"),
            ("/environ", "X-Token: rubbish", "X-Priority: urgent"),
            ("/pid", "X-Token: high", "X-Priority: high"),
        ]
        wires = line_up(core, stack, said)
        core.open_gate("hold")
        assert [wire.response().status for wire in wires] == [200] * 3
    order = ["high", "rubbish", "low"] if trusted else ["low", "rubbish", "high"]
    assert core.journal() == order


def test_in_a_full_queue_a_request_takes_the_place_of_one_of_a_lower_priority(serve):
    core = serve(processes=1, toml=PRIORITIES, queue_max="1")
    with ExitStack() as stack:
        occupy(core, stack)
        (low,) = line_up(core, stack, [("/pid", "X-Token: low")])
        high = stack.enter_context(core.wire()).get("/hello", "X-Token: high")
        answer = low.response()
        assert (answer.status, answer.headers["x-maitred-reason"]) == (503, "queue_full")
        core.open_gate("hold")
        assert high.response().status == 200
    assert core.journal() == ["high"]


def test_only_a_route_without_buffering_gets_its_body_as_it_comes(serve):
    routes = '[[routes]]\npath = "/lines"\nmethods = ["POST"]\nrequest_buffering = "off"\n'
    core = serve(slots=2, toml=routes)
    begun = "HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n"
    with core.wire() as held, core.wire() as at_once:
        held.send(f"POST /count {begun}X-Token: held\r\n\r\none\n")
        at_once.send(f"POST /lines {begun}X-Token: at-once\r\n\r\none\n")
        until(lambda: core.journal(), "the app has one of them")
        assert core.journal() == ["at-once"]
        assert core.pool()["slots"]["running"] == 1
        at_once.send("two\n")
        assert at_once.response().body == b"got one\ngot two\n"
        held.send("two\n")
        assert held.response().status == 200
    assert core.journal() == ["at-once", "held"]
