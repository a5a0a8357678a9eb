"""What this process is: served by maitred, or not."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maitred._native import Slot

__all__ = ["current_slot", "is_active", "set_active"]

# Set once for each slot's thread. A context variable rather than a thread's own, so that code
# which a framework moves to another thread together with its context still finds its slot.
current_slot: ContextVar[Slot | None] = ContextVar("maitred_slot", default=None)

_served_pid: int | None = None


def set_active() -> None:
    """Notes that this process is linked to a core."""
    global _served_pid
    _served_pid = os.getpid()


def is_active() -> bool:
    """Tells whether maitred serves this process; a fork of such a process is not served."""
    return _served_pid == os.getpid()
