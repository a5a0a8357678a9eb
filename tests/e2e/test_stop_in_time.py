"""A core leaves when its time is up, whatever hangs."""

import os
import signal
import sys
from pathlib import Path

from harness.until import until

# Seconds. Above stop_timeout and the time to kill; below the 20 s that an interpreter gets to say
# what it is, and far below those that the app of the second test would take to load.
IN_TIME = 15


def program(path: Path, script: str) -> None:
    """A new program in place of the old one, which may be running."""
    fresh = path.with_suffix(".new")
    fresh.write_text(f"#!/bin/sh\n{script}\n")
    fresh.chmod(0o755)
    fresh.rename(path)


def test_an_interpreter_that_hangs_does_not_hold_up_the_end(prepare):
    core = prepare()
    python, asked = core.folder / "python", core.folder / "asked"
    program(python, f'exec {sys.executable} "$@"')
    core.environ["MAITRED_PYTHON"] = str(python)
    core.start("--processes=1", stop_timeout="1s").ready(1)
    program(python, f"touch {asked}; exec sleep 600")
    os.kill(core.app_pids()[0], signal.SIGKILL)
    until(asked.exists, "the interpreter was asked what it is")
    core.signal(signal.SIGTERM)
    assert core.wait(IN_TIME) == 0, core.log()
    assert "waiting any longer for a process that is being started" in core.log()
    core.leaves_nothing()


def test_an_app_that_is_still_loading_does_not_hold_up_the_end(prepare):
    core = prepare("late:app").start("--processes=2")
    until(lambda: core.command("status", "--instance", core.name).returncode == 0, "it tells")
    until(lambda: len(core.app_pids()) == 2, "they load")
    core.signal(signal.SIGTERM)
    assert core.wait(IN_TIME) == 0, core.log()
    assert "waiting any longer" not in core.log()
    core.leaves_nothing()
