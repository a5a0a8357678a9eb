"""A process's life: how it says hello, what signals do to it, and how it leaves."""

import os
import signal
import time

import pytest
from fake_core import CANCEL, DRAIN, PING, REJECT, TOKEN, encode, wait_for

HELLO = """
    import atexit, os, signal, sys, threading, time
    atexit.register(lambda: open("exited", "w").close())
    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/wait":
            open("waiting", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.001)
        start_response("200 OK", [])
        return [path.encode()]
"""


def folder(core):
    return core.stderr_path.parent


def held(core):
    """Starts a request that runs until it is let go."""
    stream = core.request("/wait")
    wait_for((folder(core) / "waiting").exists, "it runs")
    return stream


def let_go(core):
    (folder(core) / "go").touch()


def test_hello_says_what_the_process_is(start):
    core = start(HELLO, slots=3, welcome=False)
    hello = core.accept()
    assert hello[1] == [1] and hello[2] == [1], "the versions that it speaks"
    assert hello[3] == [bytes.fromhex(TOKEN)]
    assert hello[4] == [core.process.pid]
    assert hello[5] == [3]
    texts = [hello[number][0].decode() for number in (6, 7, 8, 10, 11)]
    assert texts == ["maitred-python", "0.1.0", "CPython", "wsgi", "exact"]


def test_a_rejected_process_says_why_and_exits(start):
    core = start(HELLO, welcome=False)
    core.accept()
    core.send(REJECT, 0, encode([(1, "token_unknown"), (2, "start it again")]))
    assert core.process.wait(10) == 3
    assert "token_unknown" in core.stderr() and "start it again" in core.stderr()


def test_a_core_that_is_not_there_is_one_clear_line(start):
    core = start(HELLO, welcome=False, env={"MAITRED_LINK": "/nowhere/worker.sock"})
    assert core.process.wait(10) == 3
    assert core.stderr().startswith("maitred: cannot connect to the core at /nowhere/worker.sock")


def test_a_core_that_breaks_the_protocol_is_left(start):
    core = start(HELLO)
    core.send(0x7E, 0, b"")
    assert core.process.wait(10) == 3
    assert "unknown frame kind 0x7e" in core.stderr()


def test_slots_run_requests_side_by_side(start):
    core = start(HELLO, slots=2)
    first = held(core)
    assert core.get("/second").body == b"/second"
    assert core.answers[first].readies == 0
    let_go(core)
    assert core.answer(first).body == b"/wait"


def test_many_requests_over_many_slots_all_come_back(start):
    core = start(HELLO, slots=8)
    streams = []
    for n in range(400):
        core.until(lambda: sum(not core.answers[s].readies for s in streams) < 8)
        streams.append(core.request(f"/{n}"))
    bodies = [core.answer(stream).body for stream in streams]
    assert bodies == [f"/{n}".encode() for n in range(400)]


def test_a_ping_is_answered_while_every_slot_runs(start):
    core = start(HELLO)
    stream = held(core)
    core.send(PING, 0, encode([(1, stream)]))
    core.until(lambda: core.pongs)
    assert core.pongs[0][1] == [stream]
    assert core.pongs[0][2] in ([stream], [bytes([stream])]), "what is not yet ready"
    let_go(core)
    core.answer(stream)
    core.send(PING, 0, encode([(1, stream)]))
    core.until(lambda: len(core.pongs) == 2)
    assert 2 not in core.pongs[1], "nothing is left"


def test_a_ping_is_answered_while_the_interpreter_is_stuck(start):
    core = start("""
        import ctypes, os
        def app(environ, start_response):
            open("waiting", "w").close()
            ctypes.PyDLL(None).usleep(400000)  # keeps the interpreter's lock
            start_response("200 OK", [])
            return [b"unstuck"]
    """)
    stream = core.request("/")
    wait_for((folder(core) / "waiting").exists, "it runs")
    core.send(PING, 0, encode([(1, stream)]))
    core.until(lambda: core.pongs)
    assert core.answers[stream].status == 0, "the host was still stuck"
    assert core.answer(stream).body == b"unstuck"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_no_request(start, number):
    core = start(HELLO)
    stream = held(core)
    core.process.send_signal(number)
    if number == signal.SIGTERM:
        core.until(lambda: core.drain_wanted is not None)
        assert core.drain_wanted == 8
    let_go(core)
    assert core.answer(stream).status == 200
    assert core.get("/more").status == 200, "it serves until the core says DRAIN"
    assert core.drain_and_wait() == 0
    assert (folder(core) / "exited").exists(), "atexit functions run"
    assert core.stderr() == ""


def test_term_while_idle_is_told_at_once(start):
    core = start(HELLO)
    core.process.send_signal(signal.SIGTERM)
    core.until(lambda: core.drain_wanted is not None)
    assert core.drain_and_wait() == 0


def test_term_while_the_link_is_made_is_not_lost(start):
    core = start(HELLO, welcome=False)
    core.accept()
    core.process.send_signal(signal.SIGTERM)
    fields = [(1, 1), (2, "test"), (3, "pool"), (4, 1), (5, 1), (6, 50)]
    core.send(0x02, 0, encode(fields))
    core.until(lambda: core.drain_wanted is not None)
    assert core.drain_and_wait() == 0


def test_term_while_the_app_is_loaded_ends_the_process(start):
    core = start("import time\nopen('waiting', 'w').close()\ntime.sleep(60)\n", welcome=False)
    wait_for((folder(core) / "waiting").exists, "it runs")
    core.process.send_signal(signal.SIGTERM)
    assert core.process.wait(10) == -signal.SIGTERM


def test_handlers_that_the_app_sets_are_replaced(start):
    core = start("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" "app = None"
                 "\ndef app(e, s):\n    s('200 OK', [])\n    return []\n")
    core.process.send_signal(signal.SIGTERM)
    core.until(lambda: core.drain_wanted is not None)


def test_goodbye_names_the_last_request_that_the_app_got(start):
    core = start(HELLO, slots=1)
    first = held(core)
    core.send(DRAIN, 0, encode([(1, 3)]))
    core.until(lambda: core.goodbye is not None)
    assert core.goodbye == first
    let_go(core)
    assert core.answer(first).status == 200
    core.link.close()
    assert core.process.wait(10) == 0


def test_a_process_leaves_soon_after_its_core_is_gone(start):
    core = start(HELLO, slots=2)
    core.get("/")
    core.link.close()
    assert core.process.wait(4) == 0
    assert (folder(core) / "exited").exists()


def test_a_process_that_is_stuck_leaves_too_when_its_core_is_gone(start):
    core = start("""
        import ctypes
        def app(environ, start_response):
            open("waiting", "w").close()
            ctypes.PyDLL(None).sleep(60)
    """)
    core.request("/")
    wait_for((folder(core) / "waiting").exists, "it runs")
    core.link.close()
    assert core.process.wait(10) == 70


def test_a_fork_of_the_app_has_no_link_and_no_hang(start):
    core = start("""
        import os, maitred
        def app(environ, start_response):
            pid = os.fork()
            if pid:
                _, status = os.waitpid(pid, 0)
                start_response("200 OK", [])
                return [str(os.waitstatus_to_exitcode(status)).encode()]
            open("child", "w").write(repr(maitred.active))
            start_response("200 OK", [])
            return [b"from the child"]
    """)
    answer = core.get("/")
    assert answer.body == b"70"
    assert (folder(core) / "child").read_text() == "False"
    assert core.stderr().count("is a fork of the one that maitred serves") >= 1
    assert core.get("/").body == b"70", "the parent goes on"


def test_a_fork_keeps_the_link_of_a_dead_parent_not_open(start):
    core = start("""
        import os, time
        def app(environ, start_response):
            if os.fork() == 0:
                open("child", "w").write(str(os.getpid()))
                time.sleep(60)
                os._exit(0)
            start_response("200 OK", [])
            return []
    """)
    core.get("/")
    child = folder(core) / "child"
    wait_for(child.exists, "the child runs")
    while not child.read_text():
        time.sleep(0.001)
    core.process.kill()
    try:
        with pytest.raises(EOFError):
            core.take()
    finally:
        os.kill(int(child.read_text()), signal.SIGKILL)


def test_programs_that_the_app_starts_can_be_interrupted(start):
    core = start("""
        import subprocess
        def app(environ, start_response):
            done = subprocess.run(["grep", "SigIgn", "/proc/self/status"], capture_output=True)
            start_response("200 OK", [])
            return [done.stdout]
    """)
    ignored = int(core.get("/").body.split()[1], 16)
    assert not ignored & 1 << signal.SIGINT - 1


def test_a_cancel_for_a_request_that_is_over_is_nothing(start):
    core = start(HELLO)
    stream = core.request("/")
    core.answer(stream)
    core.send(CANCEL, stream, encode([(1, 1)]))
    assert core.get("/").status == 200
