"""What this process is: served by maitred, or not."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maitred._native import Slot

__all__ = ["current_slot", "is_active", "is_starting", "set_active", "set_starting"]

# Set once for each slot's thread. A context variable rather than a thread's own, so that code
# which a framework moves to another thread together with its context still finds its slot.
current_slot: ContextVar[Slot | None] = ContextVar("maitred_slot", default=None)

_served_pid: int | None = None
_starting_pid: int | None = None


def set_active() -> None:
    """Notes that this process is linked to a core."""
    global _served_pid
    _served_pid = os.getpid()


def set_starting() -> None:
    """Notes that a core has started this process and waits for its app to be loaded."""
    global _starting_pid
    _starting_pid = os.getpid()


def is_starting() -> bool:
    """Tells whether the app of this process is being loaded, and its link comes after that."""
    return _starting_pid == os.getpid() and not is_active()


def is_active() -> bool:
    """Tells whether maitred serves this process; a fork of such a process is not served."""
    return _served_pid == os.getpid()
