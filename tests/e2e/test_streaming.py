"""What an app sends goes to the client at once, and what a client sends reaches the app."""

from harness.until import until

NDJSON = "POST /lines HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_chunk_arrives_before_the_next_is_made(serve):
    core = serve()
    with core.wire() as wire:
        wire.get("/stream?gate=stream")
        assert wire.head().headers["transfer-encoding"] == "chunked"
        assert wire.next_chunk() == b"first"
        core.open_gate("stream")
        assert wire.next_chunk() == b"second"
        assert wire.next_chunk() == b""
        assert wire.get("/").response().status == 200


def test_an_upload_of_unknown_length_reaches_the_app_while_it_is_sent(serve):
    core = serve()
    with core.wire() as wire:
        wire.send(NDJSON).chunk(b"one\n")
        assert wire.head().status == 200
        assert wire.next_chunk() == b"got one\n"
        wire.chunk(b"two\n")
        assert wire.next_chunk() == b"got two\n"
        wire.chunk(b"")
        assert wire.next_chunk() == b""


def test_a_slow_reader_does_not_hold_a_slot(serve):
    core = serve(processes=1)
    with core.wire(receive_buffer=4096) as slow:
        slow.get("/big?mb=20")
        slow.head()
        until(lambda: core.pool()["slots"]["idle"] == 1, "the slot is idle")
        assert core.status()["connections"]["sending"] == 1
        assert core.get("/").status == 200
        total = 0
        while chunk := slow.next_chunk():
            total += len(chunk)
    assert total == 20 << 20
    assert core.totals()["done"] == 2


def test_http_1_0_gets_its_body_until_the_connection_closes(serve):
    core = serve()
    with core.wire() as wire:
        wire.send("GET /big?mb=1 HTTP/1.0\r\n\r\n")
        answer = wire.response()
        assert answer.status == 200
        assert "transfer-encoding" not in answer.headers
        assert len(answer.body) == 1 << 20


def test_a_connection_serves_many_requests(serve):
    core = serve()
    with core.wire() as wire:
        for _ in range(100):
            assert wire.get("/").response().body == b"hello\n"
    assert core.status()["connections"]["accepted"] <= 3


def test_pipelined_requests_are_answered_in_order(serve):
    core = serve()
    with core.wire() as wire:
        wire.get("/close?ms=1").get("/whole?kb=100").get("/").post("/count", b"hello")
        assert wire.response().status == 200
        assert len(wire.response().body) == 100 * 1024
        assert wire.response().body == b"hello\n"
        assert wire.response().body.startswith(b"5 ")


def test_head_has_the_headers_of_get_and_no_body(serve):
    core = serve()
    with core.wire() as wire:
        head = "HEAD /whole?kb=3 HTTP/1.1\r\nHost: test\r\n\r\n"
        assert wire.send(head).response(to_head=True).headers["content-length"] == "3072"
        assert wire.get("/").response().body == b"hello\n"


def test_responses_without_a_body_have_none(serve):
    core = serve()
    with core.wire() as wire:
        for code in (204, 304):
            answer = wire.get(f"/status?code={code}").response()
            assert (answer.status, answer.body) == (code, b"")
        assert wire.get("/").response().status == 200


def test_the_date_and_the_id_of_a_request_are_there(serve):
    core = serve()
    answer = core.get("/environ", {"X-Request-Id": "abc-123", "X-Request-Start": "t=1"})
    assert answer.getheader("Date")
    assert b"abc-123" in answer.data
    assert b'"HTTP_X_REQUEST_START": "t=1"' in answer.data
