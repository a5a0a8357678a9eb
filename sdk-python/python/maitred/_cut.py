"""Deferred work that is cut: who asked to hear of errors hears of it before the process ends.

The core names such work in its log, but the app's own reports come from the app's process, and
that is killed soon after it got SIGTERM. So what still runs then is told beforehand. A process
that is killed without SIGTERM, or by itself, has no such moment.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from maitred import _hooks
from maitred._errors import DeferredCut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maitred._hooks import ErrorContext, ErrorHook
    from maitred._native import Request, Session, Slot

__all__ = ["Cuts"]

PATIENCE_S = 0.4
"""SIGTERM to the report. Work was told to end right before the signal, and what listens should
not be reported. The core kills 1 s after SIGTERM at the earliest: the rest is for the hooks."""

ORPHAN_PATIENCE_S = 3.0
"""The same where the core is gone: then a process may finish for 5 s, and most work does."""

HOOKS_MAX_S = 2.0
"""How long hooks that are at it may keep a process that could leave, because the work has ended
after all. Enough to send a report; the core waits 5 s for the exit of a drained process."""


class Cuts:
    """Tells `maitred.on_error` of deferred work that its process takes along.

    Used by the main thread only, so that a signal's handler starts no thread: what that
    interrupts may hold a lock which the start of a thread needs.
    """

    def __init__(self, session: Session, slots: Sequence[Slot]) -> None:
        self._session = session
        self._slots = slots
        self._core = os.getppid()
        self._signals: list[float] = []
        self._reported: set[Request] = set()
        self._threads: list[threading.Thread] = []

    def signalled(self) -> None:
        """Notes that SIGTERM came."""
        # Each has a time of its own: the first may be somebody's wish, and the word that the core
        # sends with its own signal may come a little later than that.
        self._signals.append(time.monotonic())

    def pause(self, longest: float) -> float:
        """Tells how long the main thread may sleep, in seconds."""
        if not self._signals:
            return longest
        return min(max(self._due(self._signals[0]) - time.monotonic(), 0.0), longest)

    def look(self) -> None:
        """Reports what is cut, if it is time."""
        now = time.monotonic()
        if not self._signals or now < self._due(self._signals[0]):
            return
        self._signals = [signal for signal in self._signals if now < self._due(signal)]
        if cut := self._cut():
            # A thread for each, so that one that hangs keeps no other from being told.
            for hook in list(_hooks.error_hooks):
                thread = threading.Thread(
                    target=_tell, args=(hook, cut), name="maitred-cut", daemon=True
                )
                thread.start()
                self._threads.append(thread)

    def finish(self) -> None:
        """Gives the hooks that are at it a moment before the process leaves."""
        end = time.monotonic() + HOOKS_MAX_S
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))

    def _due(self, signalled: float) -> float:
        orphaned = os.getppid() != self._core
        return signalled + (ORPHAN_PATIENCE_S if orphaned else PATIENCE_S)

    def _cut(self) -> list[tuple[DeferredCut, ErrorContext]]:
        """What is about to be cut and was not reported before."""
        cut: list[tuple[DeferredCut, ErrorContext]] = []
        # Otherwise SIGTERM was a wish of somebody else, and the core will say when to leave.
        if not self._session.is_leaving():
            return cut
        for slot in self._slots:
            if (working := slot.working) is None:
                continue
            what, request, environ, name = working
            # The same signal reaches a whole group when the core begins to leave; but the core
            # tells work that it ends.
            if request in self._reported or not request.cancelled():
                continue
            self._reported.add(request)
            error = DeferredCut(f"cut with its process: {name or 'close()'}")
            cut.append((error, _hooks.context_of(what, request, environ)))
        return cut


def _tell(hook: ErrorHook, cut: list[tuple[DeferredCut, ErrorContext]]) -> None:
    for error, context in cut:
        _hooks.call(hook, error, context)
