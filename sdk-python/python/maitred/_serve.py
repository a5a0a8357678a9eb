"""Serving an app: slots as threads, and signals while the process is linked.

Each slot is a Python thread, also where there is only one. The main thread does nothing but
wait, so that a signal is answered at once, whatever the app does: a handler of Python runs on
the main thread only, between two of its instructions.
"""

from __future__ import annotations

import os
import platform
import queue
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from maitred import _gc, _hooks, _native, _oob, _stacks, _state
from maitred._cut import Cuts
from maitred._errors import Overstayed
from maitred._wsgi import base_environ

__all__ = ["Signals", "serve"]

PULSE_S = 1.0
"""How often the core is told that Python code runs here. Between two of its questions (5 s) the
answer must be fresh, and a second of a thread that does nothing else costs nothing."""

News = queue.SimpleQueue[bool]
"""What the main thread waits for: True, a slot has left; False, SIGTERM came. Of this kind because
a signal's handler may put into it, whatever it has interrupted."""

FORKED_STATUS = 70
"""Exit status of a fork of the app that came back to a slot's loop instead of leaving."""


class Signals:
    """Turns SIGTERM into a wish to be drained, and makes SIGINT harmless.

    The core decides when a process leaves. A signal that reaches the whole group, from a
    terminal or a supervisor, must not end requests that the core still wants to see answered.
    """

    def __init__(self) -> None:
        self._session: _native.Session | None = None
        self._wanted = False
        self.news: News = queue.SimpleQueue()

    def install(self) -> None:
        """Sets the handlers, also over ones that the app set when it was loaded."""
        signal.signal(signal.SIGTERM, self._on_term)
        # A function, not SIG_IGN: what is ignored stays ignored in programs that the app starts.
        signal.signal(signal.SIGINT, _on_int)

    def linked(self, session: _native.Session) -> None:
        """Passes on a wish that came while the link was made."""
        self._session = session
        if self._wanted:
            session.request_drain()

    def restore(self) -> None:
        """Lets SIGTERM end the process again: it is on its way out."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _on_term(self, _number: int, _frame: FrameType | None) -> None:
        self._wanted = True
        if self._session is not None and _state.is_active():
            self._session.request_drain()
            self.news.put(False)


def _on_int(_number: int, _frame: FrameType | None) -> None:
    pass


def serve(app: Callable[..., Any], link: str, token: str, slots: int) -> str:
    """Serves an app until the core lets this process go.

    Args:
        app: The WSGI app.
        link: Path of the core's socket.
        token: The one-time token, 32 hexadecimal digits.
        slots: Requests to run at once, at least 1.

    Returns:
        How it ended: ``"drained"``, ``"core gone"``, or what the core said wrong.

    Raises:
        ConnectionError: If the core cannot be reached or rejects this process.
        ValueError: If the token or the number of slots make no sense.
    """
    signals = Signals()
    signals.install()
    _gc.booted()
    runtime = (platform.python_implementation(), platform.python_version())
    session = _native.Session.connect(link, token, slots, _oob.has_handlers(), runtime)
    session.heed_interrupts(_stacks, Overstayed, _stacks.listen())
    _state.set_active()
    _oob.linked(session)
    signals.linked(session)
    _run_slots(session, app, slots, signals.news)
    signals.restore()
    return session.ending() or "core gone"


def _run_slots(
    session: _native.Session, app: Callable[..., Any], count: int, news: News
) -> None:
    environ = base_environ(count)
    slots = [_native.Slot(session, number) for number in range(count)]
    cuts = Cuts(session, slots)
    for number, slot in enumerate(slots):
        args = (slot, app, environ, news)
        name = f"maitred-slot-{number}"
        threading.Thread(target=_run_slot, args=args, name=name, daemon=True).start()
    while count:
        try:
            if news.get(timeout=cuts.pause(PULSE_S)):
                count -= 1
            else:
                cuts.signalled()
        except queue.Empty:
            session.host_lives()
        cuts.look()
    cuts.finish()


def _run_slot(
    slot: _native.Slot,
    app: Callable[..., Any],
    environ: dict[str, Any],
    news: News,
) -> None:
    pid = os.getpid()
    _state.current_slot.set(slot)
    _stacks.add_slot(slot)
    try:
        slot.serve(app, environ, _hooks)
    except BaseException as error:
        _hooks.tell(error, "request")
    finally:
        if os.getpid() != pid:
            sys.stderr.flush()
            os._exit(FORKED_STATUS)
        news.put(True)
