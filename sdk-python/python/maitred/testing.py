"""Helpers for the tests of an app that defers work."""

from __future__ import annotations

from maitred import _deferred

__all__ = ["drain"]


def drain() -> int:
    """Makes the calls that `maitred.after_response` collected, and those that they collect.

    Use it with ``maitred.configure(outside="collect")``: then a test decides when "after the
    response" is.

    Returns:
        How many calls were made.

    Raises:
        Exception: What a call raised. The calls after it stay collected.
    """
    made = 0
    while _deferred.collected:
        fn, args, kwargs = _deferred.collected.pop(0)
        made += 1
        fn(*args, **kwargs)
    return made
