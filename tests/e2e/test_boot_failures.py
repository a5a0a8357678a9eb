"""An app that does not boot says why, where people look: in the log and in the status."""

import os
import signal

import pytest
from harness.until import until


def test_an_app_that_does_not_import_shows_its_traceback_and_serve_fails(prepare):
    core = prepare("broken:app").start("--processes=1")

    def told() -> bool:
        done = core.command("status", "--json", "--instance", core.name)
        return "no menu today" in done.stdout

    until(told, "the status shows the error")
    text = core.command("status", "--instance", core.name).stdout
    assert "no menu today" in text or core.process.poll() is not None
    assert core.wait() == 1
    log = core.log()
    assert "Traceback" in log
    assert 'raise RuntimeError("no menu today")' in log
    assert "panicked" not in log


@pytest.mark.parametrize(
    ("app", "hint"),
    [("nosuchmodule:app", "nosuchmodule"), ("main:appp", "app"), ("main:BLOCK", "BLOCK")],
)
def test_an_app_that_is_not_there_is_named(prepare, app, hint):
    core = prepare(app).start("--processes=1")
    assert core.wait() in (1, 2)
    assert hint in core.log()
    assert "panicked" not in core.log()


def test_a_process_that_cannot_boot_fails_no_request_while_another_lives(serve):
    core = serve("breakable:app")
    core.open_gate("broken")
    first, second = core.app_pids()
    os.kill(first, signal.SIGKILL)

    def failing() -> bool:
        exits = core.pool()["exits"]
        return any("no menu today" in "\n".join(gone["last_lines"]) for gone in exits)

    until(failing, "a boot has failed")
    for _ in range(20):
        assert core.get("/pid").data == str(second).encode()
    assert core.pool()["readiness"] == "ready"
    (core.gates / "broken").unlink()
    core.ready(2)
