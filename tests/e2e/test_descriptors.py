"""Running out of descriptors pauses the core and breaks nothing."""

import resource
import signal
import time
from contextlib import ExitStack

from harness import proc
from harness.until import until

SPARE = 20  # descriptors left to a core that is made to run out of them
LINES_MAX = 12  # of the log; a core that spins writes thousands
LOOK = 1.0  # seconds for which a core that has run out is looked at
BUSY_MAX = 0.3  # of one CPU meanwhile; a core that spins takes all of it


def run_out(core, stack: ExitStack) -> None:
    """Connects more clients than the core has descriptors for."""
    limit = proc.descriptors(core.pid) + SPARE
    resource.prlimit(core.pid, resource.RLIMIT_NOFILE, (limit, limit))
    for _ in range(3 * SPARE):
        stack.enter_context(core.wire())
    core.says("cannot accept")


def test_clients_wait_until_descriptors_are_there_again(serve):
    core = serve()
    with ExitStack() as stack:
        served = stack.enter_context(core.wire())
        assert served.get("/").response().status == 200
        run_out(core, stack)
        # Who is connected already is served.
        for _ in range(50):
            assert served.get("/").response().status == 200
    assert core.get("/").status == 200
    until(lambda: core.command("status", "--instance", core.name).returncode == 0, "it tells")
    assert len(core.log().splitlines()) < LINES_MAX
    assert core.totals()["failed"] == 0


def test_a_core_without_descriptors_waits_and_does_not_spin(serve):
    core = serve()
    with ExitStack() as stack:
        run_out(core, stack)
        began, used = time.monotonic(), proc.cpu_seconds(core.pid)
        until(lambda: time.monotonic() - began > LOOK, "there was something to see")
        share = (proc.cpu_seconds(core.pid) - used) / (time.monotonic() - began)
    assert share < BUSY_MAX
    assert core.get("/").status == 200


def test_a_core_without_descriptors_stops_when_it_is_told(serve):
    core = serve()
    with ExitStack() as stack:
        run_out(core, stack)
        core.signal(signal.SIGTERM)
        assert core.wait() == 0, core.log()
    core.leaves_nothing()


def test_the_limit_is_raised_to_what_is_allowed(prepare):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    core = prepare()
    core.start("--processes=1").ready(1)
    assert resource.prlimit(core.pid, resource.RLIMIT_NOFILE)[0] == hard
