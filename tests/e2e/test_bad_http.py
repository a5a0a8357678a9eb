"""Requests that are not HTTP are refused, and nothing can be smuggled past the core."""

import pytest
from harness.until import until

HEAD = "Host: test\r\nX-Token: seen\r\n"
CHUNKED = f"POST /count HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n"

# What RFC 9112 wants refused, or permits to refuse. Each would be read differently by some proxy.
REFUSED = {
    "no HTTP at all": "hello, is there anybody?\r\n\r\n",
    "no version": f"GET /\r\n{HEAD}\r\n",
    "a version that does not exist": f"GET / HTTP/1.9x\r\n{HEAD}\r\n",
    "a method with a bracket": f"GE[T / HTTP/1.1\r\n{HEAD}\r\n",
    "a space before the colon": f"GET / HTTP/1.1\r\n{HEAD}Content-Length : 0\r\n\r\n",
    "a folded line": f"GET / HTTP/1.1\r\n{HEAD}X-A: b\r\n c\r\n\r\n",
    "a name with a space": f"GET / HTTP/1.1\r\n{HEAD}X A: b\r\n\r\n",
    "an empty name": f"GET / HTTP/1.1\r\n{HEAD}: b\r\n\r\n",
    "a header without a colon": f"GET / HTTP/1.1\r\n{HEAD}nothing\r\n\r\n",
    "a zero byte": f"GET / HTTP/1.1\r\n{HEAD}X-A: b\0c\r\n\r\n",
    "a bare carriage return": f"GET / HTTP/1.1\r\n{HEAD}X-A: b\rX-C: d\r\n\r\n",
    "no host": "GET / HTTP/1.1\r\nX-Token: seen\r\n\r\n",
    "two hosts": f"GET / HTTP/1.1\r\n{HEAD}Host: other\r\n\r\n",
    "two lengths": f"POST / HTTP/1.1\r\n{HEAD}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "two lengths in a list": f"POST / HTTP/1.1\r\n{HEAD}Content-Length: 5, 6\r\n\r\nhello!",
    "a length with a sign": f"POST / HTTP/1.1\r\n{HEAD}Content-Length: +5\r\n\r\nhello",
    "a negative length": f"POST / HTTP/1.1\r\n{HEAD}Content-Length: -5\r\n\r\nhello",
    "a length in hexadecimal": f"POST / HTTP/1.1\r\n{HEAD}Content-Length: 0x5\r\n\r\nhello",
    "a length beyond 64 bits": f"POST / HTTP/1.1\r\n{HEAD}Content-Length: {2**64 + 5}\r\n\r\nhello",
    "an unknown coding": f"POST / HTTP/1.1\r\n{HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked is not last": (
        f"POST / HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"
    ),
    "chunked in HTTP/1.0": (
        f"POST / HTTP/1.0\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a chunk size in C's way": f"{CHUNKED}0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk size that is none": f"{CHUNKED}five\r\nhello\r\n0\r\n\r\n",
    "a negative chunk size": f"{CHUNKED}-5\r\nhello\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": f"{CHUNKED}10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a chunk longer than it says": f"{CHUNKED}3\r\nhello\r\n0\r\n\r\n",
    "a chunk without its end": f"{CHUNKED}5\r\nhelloGET / HTTP/1.1\r\n\r\n",
}


@pytest.fixture(scope="module")
def shared(request):
    """One core for the whole table: a refusal leaves nothing behind that the next could see."""
    from harness.core import Core

    core = Core("main:app")
    request.addfinalizer(core.stop)
    return core.start("--processes=1", "--slots=1", body_max="1 MiB").ready(1)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_http_is_refused_and_the_connection_closed(shared, name):
    before = shared.journal()
    with shared.wire() as wire:
        wire.send(REFUSED[name])
        answer = wire.response()
        # 501 is what RFC 9112, 6.1 wants for a transfer coding that is not understood.
        assert answer.status in (400, 501), answer
        assert answer.headers["connection"] == "close"
        assert wire.is_closed()
    assert shared.journal() == before, "the app was given the request"


def test_refusals_are_counted_and_the_next_client_is_served(shared):
    before = shared.status()["connections"]["malformed"]
    with shared.wire() as wire:
        assert wire.send("bad\r\n\r\n").response().status == 400
    until(lambda: shared.status()["connections"]["malformed"] == before + 1, "it is counted")
    assert shared.get("/").status == 200


def test_with_both_lengths_chunked_wins_and_the_connection_closes(shared):
    head = "POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"
    smuggled = "GET /environ HTTP/1.1\r\nHost: test\r\nX-Token: smuggled\r\n\r\n"
    with shared.wire() as wire:
        wire.send(f"{head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n{smuggled}")
        answer = wire.response()
        if answer.status == 200:
            assert answer.body.startswith(b"5 ")
        else:
            assert answer.status == 400
        assert wire.is_closed()
    assert "smuggled" not in shared.journal()


def test_line_feeds_alone_end_the_lines_of_a_head(shared):
    with shared.wire() as wire:
        answer = wire.send("GET / HTTP/1.1\nHost: test\n\n").response()
        assert answer.status == 200
        assert wire.get("/pid").response().status == 200


def test_a_head_that_is_too_large_gets_431(shared):
    many = "".join(f"X-{number}: {number}\r\n" for number in range(9000))
    for head in (
        f"GET / HTTP/1.1\r\n{HEAD}X-Large: {'x' * 49152}\r\n\r\n",
        f"GET /{'x' * 49152} HTTP/1.1\r\n{HEAD}\r\n",
        f"GET / HTTP/1.1\r\n{HEAD}{many}\r\n",
    ):
        with shared.wire() as wire:
            try:
                wire.send(head)
            except ConnectionError:
                pass  # it need not read all of it
            answer = wire.response()
            assert answer.status in (414, 431)
            assert answer.headers["connection"] == "close"


def test_a_body_that_is_announced_too_large_gets_413_before_it_is_sent(shared):
    with shared.wire() as wire:
        wire.send(f"POST /count HTTP/1.1\r\n{HEAD}Content-Length: {(1 << 20) + 1}\r\n\r\n")
        assert wire.response().status == 413
        assert wire.is_closed()


def test_a_body_that_turns_out_too_large_gets_413(shared):
    with shared.wire() as wire:
        wire.send("POST /count HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(32):
                wire.chunk(b"x" * 65536)
        except ConnectionError:
            pass  # it need not read all of it
        assert wire.response().status == 413


def test_a_body_that_is_too_large_is_not_asked_for(shared):
    with shared.wire() as wire:
        length = f"Content-Length: {1 << 30}"
        wire.send(f"POST /count HTTP/1.1\r\n{HEAD}Expect: 100-continue\r\n{length}\r\n\r\n")
        assert wire.response().status == 413


def test_an_app_does_not_see_underscores_that_stand_for_dashes(shared):
    answer = shared.get("/environ", {"X_Forwarded_For": "1.2.3.4", "X-Real": "yes"})
    assert b"1.2.3.4" not in answer.data
    assert b'"HTTP_X_REAL": "yes"' in answer.data
