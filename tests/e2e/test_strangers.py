"""A process that speaks rubbish, the wrong version or with a wrong token is turned away, and both
the log and the status say why."""

import sys

import pytest
from harness.until import until


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("rubbish", "rejected (hello_expected)"),
        ("version", "rejected (version_unsupported)"),
        ("token", "rejected (token_unknown)"),
        ("stream", "rejected (bad_stream)"),
        ("late", "broke the protocol"),
    ],
)
def test_a_process_that_is_not_one_is_turned_away_with_a_reason(prepare, manner, reason):
    core = prepare("main:app")
    config = core.folder / "maitred.toml"
    config.write_text(f'command = ["{sys.executable}", "stranger.py", "{manner}"]\n')
    core.start("--processes=1", "--config", str(config))

    def told() -> bool:
        done = core.command("status", "--json", "--instance", core.name)
        return reason in done.stdout

    until(told, "the status tells the reason")
    core.says(reason)
    assert "panicked" not in core.log()


def test_the_rejection_tells_which_side_to_upgrade(prepare):
    core = prepare("main:app")
    config = core.folder / "maitred.toml"
    config.write_text(f'command = ["{sys.executable}", "stranger.py", "version"]\n')
    core.start("--processes=1", "--config", str(config))
    assert core.wait() == 1, "no process ever booted"
    assert "upgrade the core" in core.log()
