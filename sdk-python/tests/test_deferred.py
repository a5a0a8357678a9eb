"""Work for after the response: under maitred, and where there is none."""

import threading

import maitred
import maitred.testing
import pytest
from fake_core import CANCEL, encode
from maitred import _deferred, _hooks

CLIENT_GONE, DEADLINE, SHUTDOWN = 1, 2, 3


def test_deferred_work_runs_after_the_response_and_before_ready(start):
    core = start("""
        import maitred, os, time
        def later(name, *, suffix):
            while not os.path.exists("go"):
                time.sleep(0.001)
            open(name + suffix, "w").close()
        def app(environ, start_response):
            maitred.after_response(later, "do", suffix="ne")
            start_response("200 OK", [])
            return [b"now"]
    """)
    folder = core.stderr_path.parent
    stream = core.request("/")
    answer = core.ended(stream)
    assert (answer.body, answer.readies) == (b"now", 0)
    assert answer.header("content-length") == "3"
    (folder / "go").touch()
    assert core.answer(stream).readies == 1
    assert (folder / "done").exists()


def test_deferred_work_may_defer_and_keeps_its_order(start):
    core = start("""
        import maitred
        seen = []
        def first():
            seen.append("first")
            maitred.after_response(seen.append, "third")
        def app(environ, start_response):
            start_response("200 OK", [])
            if environ["PATH_INFO"] == "/":
                maitred.after_response(first)
                maitred.after_response(seen.append, "second")
            return ["+".join(seen).encode()]
    """)
    core.get("/")
    assert core.get("/seen").body == b"first+second+third"


def test_deferred_work_that_fails_is_counted_and_told_and_stops_nothing(start):
    core = start("""
        import maitred
        told = []
        @maitred.on_error
        def hook(error, context):
            told.append(f"{type(error).__name__} in {'|'.join(context)}")
        def app(environ, start_response):
            start_response("200 OK", [])
            if environ["PATH_INFO"] == "/":
                maitred.after_response(lambda: 1 / 0)
                maitred.after_response(told.append, "went on")
                maitred.after_response(lambda: {}["x"])
            return [", ".join(told).encode()]
    """)
    answer = core.get("/?secret", request_id="id-5")
    assert (answer.status, answer.failed, answer.aborted) == (200, 2, False)
    told = core.get("/told").body.decode()
    where = "after_response|id-5|GET|/"
    assert told == f"ZeroDivisionError in {where}, went on, KeyError in {where}"
    assert "request id-5 GET /?secret failed in deferred work" in core.stderr()


def test_every_error_that_no_client_sees_is_told_with_its_place(start):
    core = start("""
        import maitred
        told = []
        @maitred.on_error
        def hook(error, context):
            told.append(f"{context.what} {type(error).__name__}")
            raise RuntimeError("of the hook")
        class Body(list):
            def close(self): raise ValueError
        def app(environ, start_response):
            if environ["PATH_INFO"] == "/fails":
                raise KeyError
            start_response("200 OK", [])
            return Body([b"x"]) if environ["PATH_INFO"] == "/" else [", ".join(told).encode()]
    """)
    answer = core.get("/")
    assert (answer.status, answer.failed) == (200, 1)
    assert core.get("/fails").status == 500
    assert core.get("/told").body == b"close ValueError, request KeyError"
    assert "the on_error hook" in core.stderr() and "of the hook" in core.stderr()


@pytest.mark.parametrize(
    ("calls", "name"),
    [
        ("later", "later"),
        ("functools.partial(later)", "later"),
        ("later, Mail().send", "later and 1 more"),
        ("print, later, later", "print and 2 more"),
    ],
)
def test_deferred_work_is_named_with_the_end_of_the_response(start, calls, name):
    core = start(f"""
        import functools, maitred
        def later(): pass
        class Mail:
            def send(self): pass
        def app(environ, start_response):
            start_response("200 OK", [])
            for call in [{calls}]:
                maitred.after_response(call)
            return [b"now"]
    """)
    assert core.get("/").deferred == name


def test_work_that_close_defers_runs_after_the_response_too(start):
    core = start("""
        import maitred
        class Body(list):
            def close(self): maitred.after_response(open("done", "w").close)
        def app(environ, start_response):
            start_response("200 OK", [])
            return Body([b"x"])
    """)
    answer = core.get("/")
    assert answer.readies == 1
    assert (core.stderr_path.parent / "done").exists()


def test_work_that_close_defers_is_named_while_it_goes_on(start):
    core = start(
        """
        import maitred, os, time
        def later():
            maitred.after_response(print)
            while not os.path.exists("go"):
                time.sleep(0.001)
        class Body(list):
            def close(self): maitred.after_response(later)
        def app(environ, start_response):
            start_response("200 OK", [])
            return Body([b"x"])
        """,
        merge_us=0,
    )
    answer = core.ended(core.request("/"))
    assert answer.deferred == "", "nobody knew of it when the response ended"
    core.until(lambda: answer.deferred == "later")
    core.until(lambda: answer.deferred == "later and 1 more")
    assert answer.readies == 0
    (core.stderr_path.parent / "go").touch()
    core.until(lambda: answer.readies == 1)
    assert answer.frames[-3:] == ["deferred", "deferred", "ready"]


STOPPABLE = """
    import maitred, os, time
    def later():
        while not maitred.current_request().cancelled():
            if os.path.exists("go"):
                return
            time.sleep(0.001)
        open("stopped", "w").close()
    def app(environ, start_response):
        maitred.after_response(later)
        start_response("200 OK", [])
        return [b"x"]
"""


@pytest.mark.parametrize("why", [DEADLINE, SHUTDOWN])
def test_deferred_work_is_told_when_it_should_end(start, why):
    core = start(STOPPABLE)
    answer = core.ended(core.request("/"))
    core.send(CANCEL, 2, encode([(1, why)]))
    core.until(lambda: answer.readies == 1)
    assert (core.stderr_path.parent / "stopped").exists()


def test_deferred_work_is_told_when_the_core_lets_go_of_the_process(start):
    core = start(STOPPABLE)
    core.ended(core.request("/"))
    core.drain_and_wait()
    assert (core.stderr_path.parent / "stopped").exists()


def test_a_client_that_leaves_with_its_response_does_not_end_deferred_work(start):
    core = start(STOPPABLE)
    answer = core.ended(core.request("/"))
    core.send(CANCEL, 2, encode([(1, CLIENT_GONE)]))
    (core.stderr_path.parent / "go").touch()
    core.until(lambda: answer.readies == 1)
    assert not (core.stderr_path.parent / "stopped").exists()


def test_an_app_that_fails_keeps_what_it_deferred_before(start):
    core = start("""
        import maitred
        def app(environ, start_response):
            maitred.after_response(open("done", "w").close)
            raise ValueError
    """)
    assert core.get("/").status == 500
    assert (core.stderr_path.parent / "done").exists()


def test_an_app_knows_that_it_is_served_and_for_which_request(start):
    core = start("""
        import maitred
        at_import = maitred.active, maitred.current_request()
        def app(environ, start_response):
            request = maitred.current_request()
            assert request is environ["maitred.request"]
            start_response("200 OK", [])
            text = f"{at_import} {maitred.active} {request.id} {request.wait} {request.upstream}"
            return [text.encode()]
    """)
    answer = core.get("/", request_id="id-3", wait_us=250000, upstream_us=1000)
    assert answer.body == b"(False, None) True id-3 0.25 0.001"


@pytest.fixture
def outside(monkeypatch):
    """Puts the rule for calls outside of maitred back after a test."""
    monkeypatch.setattr(_deferred, "_outside", None)
    monkeypatch.setattr(_hooks, "error_hooks", [])
    _deferred.collected.clear()
    return monkeypatch


def test_outside_a_call_is_made_at_once(outside):
    seen = []
    maitred.after_response(seen.append, 1)
    assert seen == [1]
    assert maitred.active is False
    assert maitred.current_request() is None


def test_outside_a_call_may_run_on_a_thread(outside):
    maitred.configure(outside="thread")
    ran = threading.Event()
    maitred.after_response(ran.set)
    assert ran.wait(10)


def test_outside_calls_may_be_collected_for_a_test(outside):
    outside.setenv("MAITRED_OUTSIDE", "collect")
    seen = []
    maitred.after_response(lambda: maitred.after_response(seen.append, 2))
    maitred.after_response(seen.append, 1)
    assert seen == []
    assert maitred.testing.drain() == 3
    assert seen == [1, 2]
    assert maitred.testing.drain() == 0


def test_a_collected_call_that_fails_fails_the_test(outside):
    maitred.configure(outside="collect")
    maitred.after_response(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        maitred.testing.drain()


def test_outside_a_call_that_fails_does_not_fail_its_caller(outside, capsys):
    told = []
    maitred.on_error(lambda error, context: told.append((type(error), *context)))
    maitred.after_response(lambda: 1 / 0)
    assert told == [(ZeroDivisionError, "after_response", "", "", "")]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_unknown_rule_is_refused(outside):
    with pytest.raises(ValueError, match="inline, thread, collect"):
        maitred.configure(outside="later")
