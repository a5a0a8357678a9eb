"""Out-of-band work: what this process does while the core sends it no requests.

Asking never waits, and works from every thread. A handler runs on a thread of its own, which is
started with the first handler: when the core grants out-of-band work no request is in the
process, and none comes until the handlers have returned.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar, overload

from maitred import _hooks, _state

if TYPE_CHECKING:
    from maitred import _native

__all__ = [
    "KIND_DEFAULT",
    "OobEvent",
    "has_handlers",
    "linked",
    "on_oob",
    "request_oob",
    "withdraw_oob",
]

KIND_DEFAULT = "gc"
"""The kind that is meant where none is named: by a header, or by an operator."""

KIND_BYTES_MAX = 64
"""Longest name of a kind in UTF-8, as the link protocol has it."""

EARLY_MAX = 16
"""Kinds that may be asked for before the link is up: as many as the core takes of a process."""

REQUESTED_BY = {1: "app", 2: "operator", 3: "header"}


class OobEvent(NamedTuple):
    """What a handler of `on_oob` is called with."""

    kind: str
    """What the work is: the word that was asked for, ``"gc"`` where none was named."""
    requested_by: str
    """``"app"``, ``"operator"`` or ``"header"``."""
    lease: float
    """Seconds after which the core replaces this process; 0.0: it never does."""


Handler = Callable[[OobEvent], object]
H = TypeVar("H", bound=Handler)

# Every field below is guarded by this lock.
_lock = threading.Lock()
_session: _native.Session | None = None
_handlers: list[tuple[str | None, Handler]] = []
_early: dict[str, tuple[str, float | None, float | None, float]] = {}
_listening = False


def request_oob(
    kind: str = KIND_DEFAULT,
    reason: str | None = None,
    expected_ms: float | None = None,
    not_later_than: float | None = None,
) -> bool:
    """Asks that this process be taken out of band soon: then its `on_oob` handlers are called.

    The core chooses the moment. It takes few processes away at once, leaves enough others, and
    waits for a quiet moment until `not_later_than`. Asks of one kind that wait are one ask with a
    count, so it does no harm to ask often. Never waits; may be called from inside a request,
    from any thread, and while the app is being loaded.

    Args:
        kind: What the work is, in a word of 1 to 64 bytes.
        reason: Why, for operators; the first 256 bytes are kept.
        expected_ms: How many milliseconds it will take, where that is known.
        not_later_than: Seconds from now after which any moment is quiet enough.

    Returns:
        Whether the core was asked. False outside of maitred, in a fork of a process that it
        serves, and in a process that is on its way out.

    Raises:
        ValueError: If `kind` is empty or too long, or a time is negative.
    """
    _check(kind, expected_ms, not_later_than)
    expected = None if expected_ms is None else expected_ms / 1000
    wish = (reason or "", expected, not_later_than)
    with _lock:
        session = _session
        if session is None and _state.is_starting():
            if kind in _early or len(_early) < EARLY_MAX:
                _early[kind] = (*wish, time.monotonic())
                return True
            return False
    if session is None or not _state.is_active():
        return False
    return session.request_oob(kind, *wish)


def withdraw_oob(kind: str = KIND_DEFAULT) -> None:
    """Takes an ask back. It may have been granted already; then its handlers are called.

    Raises:
        ValueError: If `kind` is empty or too long.
    """
    _check(kind)
    with _lock:
        _early.pop(kind, None)
        session = _session
    if session is not None and _state.is_active():
        session.withdraw_oob(kind)


@overload
def on_oob(kind_or_handler: H, /) -> H: ...


@overload
def on_oob(kind_or_handler: str | None = None, /) -> Callable[[H], H]: ...


def on_oob(kind_or_handler: H | str | None = None, /) -> H | Callable[[H], H]:
    """Has a function called while this process is out of band.

    Use it as a decorator: ``@on_oob`` for every kind of work, ``@on_oob("gc")`` for one kind.
    Several handlers are called one after the other. One that fails is logged, told to
    `maitred.on_error` and reported to the core as a failure; the others are called all the same.

    A handler must expect work that this process never asked for: operators can start it. It
    should end within ``event.lease`` seconds, since the core replaces a process that does not.

    Args:
        kind_or_handler: The kind, or the function itself.

    Returns:
        The function, or a decorator for it.

    Raises:
        ValueError: If the kind is empty or too long.
    """
    if kind_or_handler is None or isinstance(kind_or_handler, str):
        kind = kind_or_handler
        if kind is not None:
            _check(kind)

        def register(handler: H) -> H:
            _add(kind, handler)
            return handler

        return register
    _add(None, kind_or_handler)
    return kind_or_handler


def has_handlers() -> bool:
    """Tells whether anything would be done out of band."""
    with _lock:
        return bool(_handlers)


def linked(session: _native.Session) -> None:
    """Passes on what was asked for while the app was loaded, and listens for what is granted."""
    global _session
    with _lock:
        _session = session
        early = list(_early.items())
        _early.clear()
    now = time.monotonic()
    for kind, (reason, expected, not_later_than, asked) in early:
        left = None if not_later_than is None else max(0.0, not_later_than - (now - asked))
        session.request_oob(kind, reason, expected, left)
    _listen()


def _check(kind: str, *times: float | None) -> None:
    if not 1 <= len(kind.encode()) <= KIND_BYTES_MAX:
        raise ValueError(f"kind must be a word of 1 to {KIND_BYTES_MAX} bytes, not {kind!r}")
    for value in times:
        if value is not None and value < 0:
            raise ValueError(f"a time must not be negative: {value!r}")


def _add(kind: str | None, handler: Handler) -> None:
    with _lock:
        _handlers.append((kind, handler))
    _listen()


def _listen() -> None:
    """Starts the thread that calls the handlers, once there is a link and a handler."""
    global _listening
    with _lock:
        session = _session
        if session is None or not _handlers or _listening:
            return
        _listening = True
    session.listen_oob()
    threading.Thread(target=_run, args=(session,), name="maitred-oob", daemon=True).start()


def _run(session: _native.Session) -> None:
    while True:
        start = session.next_oob()
        if start is None:
            return
        kind, requested_by, lease = start
        event = OobEvent(kind, REQUESTED_BY.get(requested_by, "app"), lease)
        began = time.monotonic()
        outcome = _call(event)
        session.oob_done(outcome, time.monotonic() - began)


def _call(event: OobEvent) -> str:
    with _lock:
        handlers = [handler for kind, handler in _handlers if kind in (None, event.kind)]
    outcome = "done" if handlers else "no handler"
    for handler in handlers:
        try:
            handler(event)
        except BaseException as error:
            outcome = "failed"
            _hooks.write_error(f"maitred: out-of-band work {event.kind!r} failed\n")
            _hooks.tell(error, "oob")
            if isinstance(error, SystemExit):
                # It would end this thread only, and nobody would answer the core any more.
                print("maitred: a handler of on_oob cannot leave", file=sys.stderr)
    return outcome
