"""The fixtures of the end-to-end tests.

They run the real binary with real app processes on the loopback interface. Nothing here sleeps:
what has to happen is waited for, and what must not happen yet is held back by a gate in the app.
"""

import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.core import APPS, Core, binary


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slow` runs what is left out otherwise."""
    parser.addoption("--slow", action="store_true", help="also move gigabytes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the slow tests, and says so."""
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="moves gigabytes; run with --slow"))


@pytest.fixture(scope="session", autouse=True)
def surroundings() -> None:
    """The binary exists, and a thousand clients may be open at once."""
    binary()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture
def prepare(request: pytest.FixtureRequest) -> Iterator[Callable[..., Core]]:
    """Makes cores that are not started yet; whatever is started is stopped in the end."""
    cores: list[Core] = []

    def make(app: str = "main:app", root: Path = APPS) -> Core:
        core = Core(app, root)
        cores.append(core)
        return core

    yield make
    failed = []
    for core in cores:
        try:
            core.stop()
        except Exception as error:  # the others have to be stopped too
            failed.append(error)
    if failed:
        raise failed[0]


@pytest.fixture
def serve(prepare: Callable[..., Core]) -> Callable[..., Core]:
    """Starts a core with an app of tests/e2e/apps and waits until all its processes serve."""

    def start(
        app: str = "main:app",
        *args: str,
        processes: int = 2,
        slots: int = 1,
        root: Path = APPS,
        toml: str = "",
        **settings: str,
    ) -> Core:
        core = prepare(app, root)
        if toml:
            args = ("-c", str(core.write_toml(toml)), *args)
        core.start(f"--processes={processes}", f"--slots={slots}", *args, **settings)
        return core.ready(processes)

    return start
