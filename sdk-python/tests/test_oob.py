"""Out-of-band work: asking for it, doing it, and the preset for garbage collection."""

import gc
import subprocess
import sys

import maitred
import pytest

DONE, FAILED, NO_HANDLER = 1, 2, 3

APP = """
    import maitred, os, threading
    told = []
    maitred.on_error(lambda error, request_id: told.append(str(error)))
    @maitred.on_oob
    def any_kind(event):
        told.append(f"any {event.kind} by {event.requested_by} within {event.lease}")
    @maitred.on_oob("warm")
    def warm(event):
        told.append(f"warm on {threading.current_thread().name}")
        raise RuntimeError("cold")
    def app(environ, start_response):
        path = environ["PATH_INFO"]
        body = path
        if path == "/ask":
            body = maitred.request_oob("gc", "grew", expected_ms=200, not_later_than=30)
        elif path == "/thread":
            thread = threading.Thread(target=maitred.request_oob, args=("warm",))
            thread.start()
            thread.join()
        elif path == "/withdraw":
            maitred.withdraw_oob("warm")
        elif path == "/told":
            body = "; ".join(told)
        start_response("200 OK", [])
        return [str(body).encode()]
"""


def text(field):
    return field[0].decode()


def test_a_request_can_ask_and_says_what_for(start):
    core = start(APP)
    assert core.get("/ask").body == b"True"
    core.until(lambda: core.oob_requests)
    asked = core.oob_requests[0]
    assert (text(asked[1]), text(asked[2]), asked[3], asked[4]) == ("gc", "grew", [200], [30000])


def test_every_thread_can_ask_and_take_it_back(start):
    core = start(APP)
    core.get("/thread")
    core.get("/withdraw")
    core.until(lambda: core.oob_withdrawn == ["warm"])
    assert text(core.oob_requests[0][1]) == "warm"


def test_what_was_asked_for_at_start_up_is_passed_on_with_what_is_left_of_its_time(start):
    core = start("""
        import maitred
        assert maitred.request_oob("warm", not_later_than=1000)
        assert maitred.request_oob()
        maitred.withdraw_oob("gc")
        def app(environ, start_response):
            start_response("200 OK", [])
            return []
    """)
    core.get("/")
    core.until(lambda: core.oob_requests)
    assert [text(asked[1]) for asked in core.oob_requests] == ["warm"]
    assert 0 < core.oob_requests[0][4][0] <= 1_000_000


def test_handlers_of_the_kind_and_of_every_kind_are_called(start):
    core = start(APP)
    assert core.oob("gc", requested_by=2, lease_ms=1500) == DONE
    assert core.get("/told").body == b"any gc by operator within 1.5"


def test_a_handler_that_fails_is_told_and_the_process_serves_on(start):
    core = start(APP)
    assert core.oob("warm", requested_by=3) == FAILED
    told = core.get("/told").body.decode().split("; ")
    assert told == ["any warm by header within 60.0", "warm on maitred-oob", "cold"]
    assert "out-of-band work 'warm' failed" in core.stderr()
    assert "RuntimeError: cold" in core.stderr()


def test_a_process_without_a_handler_says_so(start):
    core = start("""
        import maitred
        def app(environ, start_response):
            maitred.on_oob("warm")(print)
            start_response("200 OK", [])
            return []
    """)
    assert core.oob() == NO_HANDLER
    core.get("/")
    assert core.oob("gc") == NO_HANDLER, "the handler is for another kind"
    assert core.oob("warm") == DONE, "a handler may come late"


def test_a_handler_that_wants_to_exit_does_not_end_the_thread(start):
    core = start("""
        import maitred, sys
        maitred.on_oob(lambda event: sys.exit(3))
        def app(environ, start_response):
            start_response("200 OK", [])
            return []
    """)
    assert core.oob() == FAILED
    assert core.oob() == FAILED
    assert "cannot leave" in core.stderr()


def test_outside_of_maitred_nobody_is_asked():
    assert maitred.request_oob() is False
    maitred.withdraw_oob()
    assert maitred.oob_gc() is False
    assert gc.isenabled()


def test_a_fork_of_a_served_process_asks_nobody(start):
    core = start("""
        import maitred, os
        def app(environ, start_response):
            pid = os.fork()
            if pid == 0:
                os._exit(int(maitred.request_oob()))
            _, status = os.waitpid(pid, 0)
            start_response("200 OK", [])
            return [str(status).encode()]
    """)
    assert core.get("/").body == b"0"
    assert core.oob_requests == []


@pytest.mark.parametrize("kind", ["", "x" * 65, "\u00e4" * 33])
def test_a_kind_has_1_to_64_bytes(kind):
    with pytest.raises(ValueError, match="1 to 64 bytes"):
        maitred.request_oob(kind)
    with pytest.raises(ValueError, match="1 to 64 bytes"):
        maitred.on_oob(kind)


def test_times_are_not_negative():
    with pytest.raises(ValueError, match="negative"):
        maitred.request_oob(expected_ms=-1)


def test_it_is_there_without_the_native_module():
    code = "import sys; sys.modules['maitred._native'] = None\n"
    code += "import maitred; maitred.on_oob(print); print(maitred.request_oob(), maitred.oob_gc())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False False\n", done.stderr


PRESET = """
    import gc, maitred, os
    class Node: pass
    def ring():
        node = Node()
        node.me = node
    assert maitred.oob_gc({arguments})
    heap = [Node() for _ in range(1000)]
    hold = []
    def app(environ, start_response):
        path = environ["PATH_INFO"]
        body = ""
        if path == "/ring":
            ring()
        elif path == "/grow":
            hold.append(bytearray(os.urandom(1)) * (8 << 20))
        elif path == "/facts":
            found = [o for o in gc.get_objects() if type(o) is Node]
            body = f"{{gc.isenabled()}} {{gc.get_freeze_count() > 1000}} {{len(found)}}"
        start_response("200 OK", [])
        return [body.encode()]
"""


def test_the_collector_does_not_run_by_itself_and_the_heap_of_the_start_is_frozen(start):
    core = start(PRESET.format(arguments="every=100"))
    for _ in range(20):
        core.get("/ring")
    assert core.get("/facts").body == b"False True 20", "the rings are still there"


def test_a_collection_is_asked_for_after_so_many_requests_and_done_out_of_band(start):
    core = start(PRESET.format(arguments="every=20"))
    for _ in range(19):
        core.get("/ring")
    assert core.oob_requests == []
    assert core.get("/ring").frames[-1] == "ready", "what is due comes after the response"
    core.until(lambda: core.oob_requests)
    assert text(core.oob_requests[0][2]) == "20 requests"
    assert core.oob("gc") == DONE
    assert core.get("/facts").body == b"False True 0"


def test_a_process_that_grows_collects_without_being_out_of_band(start):
    core = start(PRESET.format(arguments="every=10, growth_max=1 << 20"))
    core.get("/ring")
    core.get("/grow")
    assert core.get("/facts").body == b"False True 0"
    assert "MiB since the last collection" in core.stderr()


def test_the_preset_wants_numbers_that_make_sense():
    for arguments in ({"every": 0}, {"growth_max": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            maitred.oob_gc(**arguments)
    assert gc.isenabled()
