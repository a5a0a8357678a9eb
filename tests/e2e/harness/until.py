"""Waiting for conditions instead of for time to pass."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 20.0  # seconds; far above what anything here takes, so that a slow machine passes
PAUSE = 0.02  # seconds between two looks


def until(look: Callable[[], T], what: str, within: float = PATIENCE) -> T:
    """Looks again and again until it sees something, and returns that.

    `look` may raise AssertionError for "not yet": the last one is part of the failure.
    """
    end = time.monotonic() + within
    reason: object = None
    while True:
        try:
            seen = look()
            reason = None
        except AssertionError as error:
            seen, reason = None, error
        if seen:
            return seen
        if time.monotonic() > end:
            because = f" ({reason})" if reason else ""
            raise AssertionError(f"waited {within} s for: {what}{because}")
        time.sleep(PAUSE)
