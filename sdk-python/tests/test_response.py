"""Every way of PEP 3333 to give a response, and every way to get it wrong."""

import pytest
from fake_core import BODY, CANCEL, FLAG_END, decode, encode

GOOD = 'start_response("200 OK", [("Content-Type", "text/plain")])'


def app(*lines: str) -> str:
    body = "\n        ".join(line for text in lines for line in text.splitlines())
    return f"""
    import sys, time, io
    class log:
        raw = open("log", "ab", buffering=0)
        write = staticmethod(lambda text: log.raw.write(text.encode()))
    class Closing:
        def __init__(self, items): self.items = items
        def __iter__(self): return iter(self.items)
        def close(self): log.write("closed ")
    def app(environ, start_response):
        {body}
    """


def log(core) -> str:
    return (core.stderr_path.parent / "log").read_text()


def test_a_generator_streams_each_item_before_the_next_is_asked_for(start):
    core = start("""
        import os, time
        def app(environ, start_response):
            start_response("200 OK", [])
            for n in range(3):
                yield b"item %d" % n
                while not os.path.exists(f"go-{n}"):
                    time.sleep(0.001)
    """)
    stream = core.request("/")
    answer = core.answers[stream]
    for n in range(3):
        core.until(lambda: answer.body.endswith(b"item %d" % n))
        assert not answer.ended
        (core.stderr_path.parent / f"go-{n}").touch()
    assert core.answer(stream).body == b"item 0item 1item 2"


def test_empty_items_are_no_items(start):
    core = start(app("start_response('200 OK', [])", "return iter([b'', b'a', b'', b'b', b''])"))
    answer = core.get("/")
    assert answer.body == b"ab"
    assert answer.header("content-length") is None


@pytest.mark.parametrize("result", ["[]", "()", "iter([])", "[b'']", "iter([b''])"])
def test_a_body_may_be_empty(start, result):
    core = start(app(GOOD, f"return {result}"))
    answer = core.get("/")
    assert (answer.status, answer.body, answer.readies) == (200, b"", 1)


@pytest.mark.parametrize("result", ["[b'abc']", "(b'abc',)"])
def test_a_body_of_one_item_has_a_length(start, result):
    core = start(app(GOOD, f"return {result}"))
    assert core.get("/").header("content-length") == "3"


def test_close_is_called_once_and_the_slot_is_ready_after_it(start):
    core = start(app(GOOD, "return Closing([b'a', b'b'])"))
    answer = core.get("/")
    assert answer.body == b"ab"
    assert log(core) == "closed "


def test_the_client_never_waits_for_close(start):
    core = start("""
        import os, time
        class Slow(list):
            def close(self):
                while not os.path.exists("go"):
                    time.sleep(0.001)
        def app(environ, start_response):
            start_response("200 OK", [("Content-Length", "3")])
            return Slow([b"abc"])
    """)
    stream = core.request("/")
    answer = core.ended(stream)
    assert (answer.body, answer.readies) == (b"abc", 0)
    (core.stderr_path.parent / "go").touch()
    assert core.answer(stream).readies == 1


def test_a_close_that_was_always_quick_may_still_surprise(start):
    core = start("""
        import os, time
        class Moody(list):
            def close(self):
                while os.path.exists("slow"):
                    time.sleep(0.001)
        def app(environ, start_response):
            start_response("200 OK", [("Content-Length", "3")])
            return Moody([b"abc"])
    """, merge_us=5000)
    for _ in range(50):
        core.get("/")
    (core.stderr_path.parent / "slow").touch()
    stream = core.request("/")
    answer = core.ended(stream)
    assert (answer.body, answer.readies) == (b"abc", 0)
    (core.stderr_path.parent / "slow").unlink()
    assert core.answer(stream).readies == 1


def test_a_quick_close_comes_to_share_one_write_with_the_end(start):
    core = start(app("start_response('200 OK', [('Content-Length', '3')])",
                     "return Closing([b'abc'])"), merge_us=50_000)
    frames = [tuple(core.get("/").frames) for _ in range(200)]
    assert ("response", "body", "end+ready") in frames


def test_without_a_merge_delay_the_end_never_waits(start):
    core = start(app("start_response('200 OK', [('Content-Length', '3')])",
                     "return Closing([b'abc'])"), merge_us=0)
    frames = {tuple(core.get("/").frames) for _ in range(50)}
    assert frames == {("response", "body", "end", "ready")}


def test_close_that_fails_leaves_the_response_intact_and_is_told(start):
    core = start("""
        class Bad(list):
            def close(self): raise RuntimeError("in close")
        def app(environ, start_response):
            start_response("200 OK", [])
            return Bad([b"fine"])
    """)
    answer = core.get("/", request_id="id-77")
    assert (answer.status, answer.body, answer.aborted) == (200, b"fine", False)
    assert answer.failed == 1
    assert "id-77" in core.stderr() and "RuntimeError: in close" in core.stderr()


def test_write_sends_at_once_and_goes_before_the_body(start):
    core = start(app("write = start_response('200 OK', [])", "write(b'one ')", "write(b'two ')",
                     "return [b'three']"))
    answer = core.get("/")
    assert answer.body == b"one two three"
    assert answer.frames[0] == "response"


def test_write_of_an_old_request_cannot_reach_another_response(start):
    core = start("""
        old = []
        def app(environ, start_response):
            write = start_response("200 OK", [])
            old.append(write)
            try:
                old[0](b"stale")
            except RuntimeError as error:
                return [type(error).__name__.encode()]
            return [b"first"]
    """)
    assert core.get("/").body == b"stalefirst"
    assert core.get("/").body == b"RuntimeError"


def test_an_error_before_the_head_is_a_page_with_the_request_id(start):
    core = start(app("raise KeyError('boom')"))
    answer = core.get("/x", request_id="id-9")
    assert answer.status == 500 and b"id-9" in answer.body
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert "request id-9 GET /x failed\nTraceback" in core.stderr()
    assert "KeyError: 'boom'" in core.stderr()
    assert core.get("/").status == 500, "the process goes on"


def test_an_error_after_start_response_but_before_the_body_is_a_page_too(start):
    core = start(app(GOOD, "return Closing([1])"))
    answer = core.get("/")
    assert answer.status == 500
    assert "an item of type int" in core.stderr()
    assert log(core) == "closed "


def test_an_error_in_the_body_breaks_the_response_visibly(start):
    core = start(app(GOOD, "yield b'half'", "raise ValueError('late')"))
    answer = core.get("/")
    assert (answer.status, answer.body, answer.aborted) == (200, b"half", True)
    assert answer.abort == "ValueError"
    assert answer.readies == 1


@pytest.mark.parametrize("raised", ["SystemExit(3)", "KeyboardInterrupt()"])
def test_an_app_cannot_end_its_process_by_an_exception(start, raised):
    core = start(app(f"raise {raised}"))
    assert core.get("/").status == 500
    assert core.get("/").status == 500


def test_start_response_with_exc_info_replaces_a_head_that_was_not_sent(start):
    core = start(app(GOOD, """\
try:
    raise ValueError
except ValueError:
    start_response('503 Oops', [('X-A', 'b')], sys.exc_info())
return [b'oops']"""))
    answer = core.get("/")
    assert (answer.status, answer.body, answer.header("x-a")) == (503, b"oops", "b")


def test_start_response_with_exc_info_raises_it_where_the_head_was_sent(start):
    core = start(app(GOOD, """\
yield b'half'
try:
    raise ValueError('original')
except ValueError:
    start_response('503 Oops', [], sys.exc_info())"""))
    answer = core.get("/")
    assert answer.aborted
    assert "ValueError: original" in core.stderr()


def test_start_response_twice_without_exc_info_is_an_error(start):
    core = start(app(GOOD, GOOD, "return [b'']"))
    assert core.get("/").status == 500
    assert "a second time" in core.stderr()


def test_an_app_that_never_calls_start_response_is_told(start):
    core = start(app("return [b'x']"))
    assert core.get("/").status == 500
    assert "without calling start_response" in core.stderr()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("200, []", "status must be a str"),
        ("'OK', []", "three digits"),
        ("'20x OK', []", "three digits"),
        ("'199 Early', []", "200 to 599"),
        ("'600 Late', []", "200 to 599"),
        ("'200 OK\\r\\nX: y', []", "three digits"),
        ("'200 OK', {}", "must be a list"),
        ("'200 OK', [('a',)]", "(name, value) tuple"),
        ("'200 OK', [('a', 1)]", "must be str"),
        ("'200 OK', [(b'a', 'b')]", "must be str"),
        ("'200 OK', [('a b', 'c')]", "not a token"),
        ("'200 OK', [('', 'c')]", "not a token"),
        ("'200 OK', [('a', 'b\\r\\nSet-Cookie: x')]", "line break"),
        ("'200 OK', [('a', 'b\\0')]", "control character"),
        ("'200 OK', [('a', '\\u20ac')]", "ISO-8859-1"),
        ("'200 OK', [('Content-Length', 'x')]", "number of bytes"),
        ("'200 OK', [('Content-Length', '-1')]", "number of bytes"),
        ("'200 OK', [('Content-Length', '1'), ('content-length', '2')]", "another value"),
        ("'200 OK', [('a', 'b' * 50000)]", "the limit is 49152"),
    ],
)
def test_a_bad_head_is_refused_with_a_reason(start, arguments, told):
    core = start(app(f"start_response({arguments})", "return [b'x']"))
    assert core.get("/").status == 500
    assert told in core.stderr()


def test_headers_of_one_connection_are_the_servers(start):
    core = start(app("start_response('200 OK', [('Connection', 'close'), ('X-Kept', '1'),"
                     "('Transfer-Encoding', 'chunked'), ('Keep-Alive', 'x')])", "return [b'']"))
    names = [name.lower() for name, _ in core.get("/").headers]
    assert names == ["x-kept", "content-length"]


def test_headers_keep_their_order_and_their_duplicates(start):
    core = start(app("start_response('200 OK', [('Set-Cookie', 'b'), ('X', 'y'),"
                     "('Set-Cookie', 'a'), ('Empty', '')])", "return iter([b'x'])"))
    expected = [("Set-Cookie", "b"), ("X", "y"), ("Set-Cookie", "a"), ("Empty", "")]
    assert core.get("/").headers == expected


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_a_body_has_none(start, status):
    core = start(app(f"start_response('{status}', [])", "return [b'not for you']"))
    answer = core.get("/")
    assert (answer.body, answer.header("content-length"), answer.readies) == (b"", None, 1)


def test_head_has_the_length_and_not_the_body(start):
    core = start(app(GOOD, "return [b'abc']"))
    answer = core.get("/", method="HEAD")
    assert (answer.body, answer.header("content-length")) == (b"", "3")


def test_head_of_a_generator_does_not_make_the_body(start):
    core = start(app("""\
start_response('200 OK', [('Content-Length', '1000000')])
try:
    for n in range(1000000):
        log.write(f'{n} ')
        yield b'x'
finally:
    log.write('finally')"""))
    answer = core.get("/", method="HEAD")
    assert (answer.status, answer.body, answer.aborted) == (200, b"", False)
    assert log(core) == "0 finally"


def test_more_than_the_content_length_is_cut_and_told(start):
    core = start(app("start_response('200 OK', [('Content-Length', '3')])",
                     "return Closing([b'ab', b'cd', b'ef'])"))
    answer = core.get("/")
    assert (answer.body, answer.aborted) == (b"abc", False)
    assert "more than its Content-Length" in core.stderr()
    assert log(core) == "closed "


def test_less_than_the_content_length_is_a_broken_response(start):
    core = start(app("start_response('200 OK', [('Content-Length', '10')])", "return [b'abc']"))
    answer = core.get("/")
    assert (answer.body, answer.aborted) == (b"abc", True)
    assert "Content-Length is 10" in core.stderr()


def test_a_large_body_obeys_the_window_and_arrives_whole(start):
    core = start(app(GOOD, "return [bytes(range(256)) * 20000]"))
    answer = core.get("/")
    assert answer.body == bytes(range(256)) * 20000
    assert answer.header("content-length") == str(256 * 20000)


def test_a_file_is_sent_in_large_blocks_and_closed(start):
    core = start(app("f = io.BytesIO(b'x' * 200000)", GOOD,
                     "f.close = lambda: log.write('closed ')",
                     "return environ['wsgi.file_wrapper'](f, 4096)"))
    answer = core.get("/")
    assert answer.body == b"x" * 200000
    assert sum(frame.startswith("body") for frame in answer.frames) <= 5
    assert log(core) == "closed "


def test_a_client_that_left_stops_the_body_and_nothing_is_logged(start):
    core = start(app("""\
start_response('200 OK', [])
try:
    while True:
        yield b'x' * 65536
finally:
    log.write('finally')"""))
    stream = core.request("/")
    answer = core.answers[stream]
    core.until(lambda: len(answer.body) > 300_000)
    core.send(CANCEL, stream, encode([(1, 1)]))
    core.answer(stream)
    assert answer.aborted and answer.readies == 1
    assert log(core) == "finally"
    assert core.stderr() == ""
    assert core.get("/", method="HEAD").status == 200


def test_a_client_that_leaves_while_the_window_is_shut_frees_the_app(start):
    core = start(app("write = start_response('200 OK', [])", """\
try:
    write(b'x' * 1000000)
except ConnectionError as error:
    log.write(type(error).__name__)
    raise
return []"""))
    stream = core.request("/")
    received = 0
    while received < 262144:
        kind, _flags, _stream, payload = core.receive()
        received += len(payload) if kind == BODY else 0
    core.send(CANCEL, stream, encode([(1, 1)]))
    assert core.answer(stream).aborted
    assert log(core) == "ClientGone"
    assert core.stderr() == ""


def test_a_client_that_leaves_before_the_app_has_its_request_costs_the_app_nothing(start):
    core = start(app("log.write(environ['PATH_INFO'])", GOOD, "return []"))
    core.send_together = True
    stream = core.request("/gone")
    core.send(CANCEL, stream, encode([(1, 1)]))
    core.flush()
    assert core.answer(stream).frames == ["abort+ready"]
    assert core.get("/next").status == 200
    assert log(core) == "/next"


def test_a_request_can_ask_whether_anybody_waits(start):
    core = start(app("""\
start_response('200 OK', [])
yield b'begun'
while not environ['maitred.request'].cancelled():
    time.sleep(0.001)
log.write('noticed')"""))
    stream = core.request("/")
    core.until(lambda: core.answers[stream].body == b"begun")
    core.send(CANCEL, stream, encode([(1, 1)]))
    core.answer(stream)
    assert log(core) == "noticed"


def test_a_whole_body_is_a_file_in_memory(start):
    core = start(app(GOOD, "i = environ['wsgi.input']",
                     "return [type(i).__name__.encode(), b' ', i.read(2), i.readline(), i.read()]"))
    answer = core.get("/", method="POST", body=b"ab\ncd\nef")
    assert answer.body == b"BytesIO ab\ncd\nef"


def test_a_body_is_read_while_it_arrives(start):
    core = start(app(GOOD, "i = environ['wsgi.input']", "yield i.read(3)", "yield i.readline()",
                     "yield from i", "yield b'<' + i.read() + b'>'"))
    stream = core.request("/", method="POST", body=None)
    answer = core.answers[stream]
    core.send(BODY, stream, b"abc")
    core.until(lambda: answer.body == b"abc")
    core.send(BODY, stream, b"line")
    core.send(BODY, stream, b" one\nline two\nrest")
    core.until(lambda: answer.body == b"abcline one\nline two\n")
    core.send(BODY, stream, b" of it", FLAG_END)
    assert core.answer(stream).body == b"abcline one\nline two\nrest of it<>"


def test_a_large_upload_gets_its_window_back(start):
    core = start(app(GOOD, "n = 0", "i = environ['wsgi.input']",
                     "while data := i.read(100000): n += len(data)", "return [str(n).encode()]"))
    stream = core.request("/", method="POST", body=None)
    given, window = 0, 262144
    while given < 3_000_000:
        while window >= 65536:
            core.send(BODY, stream, b"x" * 65536)
            given, window = given + 65536, window - 65536
        kind, _flags, _stream, payload = core.receive()
        assert kind == 0x17
        window += decode(payload)[1][0]
    core.send(BODY, stream, b"", FLAG_END)
    assert core.answer(stream).body == str(given).encode()


def test_a_body_that_will_never_be_complete_is_an_error_not_an_end(start):
    core = start(app(f"write = {GOOD}", "write(b'begun')", """\
try:
    environ['wsgi.input'].read()
except ConnectionError as error:
    log.write(type(error).__name__)
    raise
return []"""))
    stream = core.request("/", method="POST", body=None)
    core.until(lambda: core.answers[stream].body == b"begun")
    core.send(BODY, stream, b"half")
    core.send(CANCEL, stream, encode([(1, 1)]))
    assert core.answer(stream).aborted
    assert log(core) == "ClientGone"
    assert core.stderr() == ""


def test_a_chunked_body_that_is_whole_has_a_length(start):
    core = start(app(GOOD, "return [repr([environ.get('CONTENT_LENGTH'),"
                     "environ.get('HTTP_TRANSFER_ENCODING')]).encode()]"))
    headers = [("transfer-encoding", "chunked")]
    answer = core.get("/", method="POST", headers=headers, body=b"12345")
    assert answer.body == b"['5', None]"


def test_a_body_that_nobody_reads_does_no_harm(start):
    core = start(app(GOOD, "return [b'ok']"))
    stream = core.request("/", method="POST", body=None)
    core.send(BODY, stream, b"x" * 60000)
    assert core.answer(stream).body == b"ok"
    core.send(BODY, stream, b"late", FLAG_END)
    assert core.get("/").body == b"ok"
