"""Bodies of any size arrive whole; small ones are held in memory, large ones on disk."""

import hashlib
import random

import pytest
from harness.until import until

SIZES = [0, 1, 65_535, 65_536, 65_537, 262_144, 300_000, 5_000_000, 70_000_000]


def body(size: int) -> bytes:
    """Bytes without a pattern."""
    return random.Random(size).randbytes(size)


def expected(data: bytes) -> bytes:
    """What /count says of it."""
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()


@pytest.fixture(scope="module")
def shared(request):
    """One core for all sizes."""
    from harness.core import Core

    core = Core("main:app")
    request.addfinalizer(core.stop)
    return core.start("--processes=2", "--slots=2").ready(2)


def nothing_held(core) -> bool:
    """Whether memory and disk are given back."""
    buffers = core.status()["buffers"]
    return buffers["memory_bytes"] == buffers["spool_bytes"] == 0


@pytest.mark.parametrize("size", SIZES)
def test_a_body_of_known_length_arrives_whole(shared, size):
    data = body(size)
    assert shared.request("POST", "/count", data).data == expected(data)
    until(lambda: nothing_held(shared), "nothing is held")


@pytest.mark.parametrize("size", SIZES)
def test_a_chunked_body_arrives_whole(shared, size):
    data = body(size)
    pieces = (data[at : at + 10_000] for at in range(0, size, 10_000))
    # http.client sends an iterator in chunks.
    assert shared.request("POST", "/count", pieces).data == expected(data)
    until(lambda: nothing_held(shared), "nothing is held")


def test_a_large_body_is_on_disk_until_it_is_complete_and_holds_no_slot(shared):
    data = body(10_000_000)
    with shared.wire() as wire:
        wire.send(f"POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: {len(data)}\r\n\r\n")
        wire.send(data[:9_000_000])
        until(lambda: shared.status()["buffers"]["spool_bytes"] >= 8_000_000, "it is on disk")
        assert shared.status()["buffers"]["memory_bytes"] < 2_000_000
        assert shared.pool()["slots"]["running"] == 0
        wire.send(data[9_000_000:])
        assert wire.response().body == expected(data)
    until(lambda: nothing_held(shared), "nothing is held")


def test_a_body_that_is_expected_is_asked_for(shared):
    with shared.wire() as wire:
        wire.send("POST /count HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n")
        wire.send("Content-Length: 5\r\n\r\n")
        assert wire.head().status == 100
        wire.send("hello")
        assert wire.response().body == expected(b"hello")


def test_a_body_that_the_app_does_not_read_does_not_harm_the_next_request(shared):
    with shared.wire() as wire:
        assert wire.post("/pid", body(1_000_000)).response().status == 200
        assert wire.post("/count", b"hello").response().body == expected(b"hello")


def test_a_body_that_ends_early_never_reaches_the_app(shared):
    before = shared.journal()
    with shared.wire() as wire:
        wire.send("POST /count HTTP/1.1\r\nHost: test\r\nX-Token: cut\r\n")
        wire.send("Content-Length: 100\r\n\r\nhello")
    until(lambda: shared.status()["connections"]["open"] == 0, "it is gone")
    assert shared.journal() == before


def test_without_buffering_the_app_gets_the_request_at_once(serve):
    core = serve("main:app", "--request-buffering=off", processes=1)
    with core.wire() as wire:
        wire.send("POST /lines HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\none\n")
        until(lambda: core.pool()["slots"]["running"] == 1, "it runs")
        wire.send("two\n")
        assert wire.response().body == b"got one\ngot two\n"


def breaks_off(wire) -> None:
    """The client leaves."""
    wire.socket.close()


def sends_rubbish(wire) -> None:
    """The next chunk has no size."""
    wire.send("rubbish\r\n")
    assert wire.response().status == 400


@pytest.mark.parametrize("end", [breaks_off, sends_rubbish])
def test_an_upload_that_breaks_while_the_app_reads_it_gives_the_slot_back(serve, end):
    core = serve(processes=1)
    with core.wire() as wire:
        wire.send("POST /count HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.chunk(b"hello")
        until(lambda: core.pool()["slots"]["running"] == 1, "it runs")
        end(wire)
        until(lambda: core.pool()["slots"]["idle"] == 1, "the slot is idle")
    assert core.get("/").status == 200
