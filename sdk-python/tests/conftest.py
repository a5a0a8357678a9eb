"""Fixtures: an app in a file of its own, served through a core that the test plays."""

from __future__ import annotations

import textwrap

import pytest
from fake_core import FakeCore


@pytest.fixture
def start(tmp_path):
    """Writes an app and starts a process of it; all of them are gone when the test ends."""
    cores = []

    def start(source: str, *, app="app:app", welcome=True, **options) -> FakeCore:
        folder = tmp_path / str(len(cores))
        folder.mkdir()
        (folder / "app.py").write_text(textwrap.dedent(source))
        core = FakeCore(folder, app, cwd=folder, **options)
        cores.append(core)
        if welcome:
            core.welcome()
        return core

    yield start
    for core in cores:
        core.stop()
