"""The stacks of all threads, for the log: what does a slot do that takes too long?

They are written to the file descriptor itself, not to ``sys.stderr``: the thread that is asked
about may hold a lock of that, or the app may have replaced it.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from maitred._native import Slot

__all__ = ["add_slot", "dump", "listen"]

STDERR = 2
"""Standard error, as the core gave it to this process."""

SIGNAL = signal.SIGRTMAX - 3
"""What faulthandler answers. Of the signals that nobody else has a use for."""

_slots: dict[int, Slot] = {}


def listen() -> int:
    """Has faulthandler answer a signal with the stacks of all threads, without Python's lock.

    Returns:
        The signal.
    """
    faulthandler.register(SIGNAL, file=STDERR, all_threads=True, chain=False)
    return SIGNAL


def add_slot(slot: Slot) -> None:
    """Notes that the calling thread runs what is in this slot."""
    _slots[threading.get_ident()] = slot


def dump(asked_about: int) -> None:
    """Writes the stacks of all threads but the calling one to the standard error.

    Args:
        asked_about: The thread because of which it is done, as `threading.get_ident` has it; 0:
            none in particular. It comes first.
    """
    threads = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = {i: f for i, f in sys._current_frames().items() if i != threading.get_ident()}
    first = sorted(frames, key=lambda ident: (ident != asked_about, ident not in _slots, ident))
    parts = ["maitred: stacks of all threads\n"]
    for ident in first:
        parts.append(_title(ident, threads.get(ident, "?"), ident == asked_about))
        parts += _stack(frames[ident])
    _write("".join(parts).encode(errors="backslashreplace"))


def _title(ident: int, name: str, is_asked_about: bool) -> str:
    slot = _slots.get(ident)
    request = None if slot is None else slot.request
    runs = f", request {request.id}" if request is not None else ""
    mark = ", which takes too long" if is_asked_about else ""
    return f"Thread {ident:#018x} {name}{runs}{mark} (most recent call last):\n"


def _stack(frame: FrameType) -> list[str]:
    return traceback.format_list(traceback.extract_stack(frame))


def _write(data: bytes) -> None:
    try:
        while data:
            data = data[os.write(STDERR, data) :]
    except OSError:
        # Nobody reads it any more.
        pass
