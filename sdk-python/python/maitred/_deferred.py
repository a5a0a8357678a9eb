"""Work for after the response, under maitred and elsewhere.

Under maitred a call runs in the slot of its request, after the response is complete and before
the slot takes another request. The client does not wait for it, and neither does anybody else.
Outside there is nothing that could run it at that moment, so a rule says what happens.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Literal, ParamSpec

from maitred import _hooks, _state
from maitred._hooks import ErrorHook

__all__ = ["after_response", "collected", "configure", "on_error"]

P = ParamSpec("P")

Outside = Literal["inline", "thread", "collect"]

OUTSIDE_VARIABLE = "MAITRED_OUTSIDE"
"""The environment variable that chooses the rule where `configure` was not called."""

_RULES = ("inline", "thread", "collect")
_outside: str | None = None

collected: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []
"""Calls that wait for `maitred.testing.drain`, oldest first."""


def after_response(fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Calls ``fn(*args, **kwargs)`` after the response to the current request.

    The slot stays taken until the call returns: use it for work that should be done soon and
    that belongs to the request, of milliseconds to a few seconds. It is not durable: a process
    that is killed takes it along. Calls run in the order in which they were made; one that fails
    is logged with the id of the request, counted, told to `on_error`, and keeps none of the
    others from running.

    Outside of a request of maitred, `configure` says what happens; by default the call is made
    at once.

    Args:
        fn: What to call. Its result is dropped.
        *args: For `fn`.
        **kwargs: For `fn`.
    """
    slot = _state.current_slot.get()
    if slot is not None and slot.defer(fn, args, kwargs or None, _name(fn)):
        return
    rule = _rule()
    if rule == "collect":
        collected.append((fn, args, kwargs))
    elif rule == "thread":
        threading.Thread(target=_run, args=(fn, args, kwargs), name="maitred-after").start()
    else:
        _run(fn, args, kwargs)


def configure(*, outside: Outside) -> None:
    """Chooses what `after_response` does where maitred runs no request.

    Args:
        outside: ``"inline"`` calls at once (the default), ``"thread"`` on a thread of its own,
            ``"collect"`` keeps the call for `maitred.testing.drain`. The environment variable
            ``MAITRED_OUTSIDE`` says the same for processes that do not call this.

    Raises:
        ValueError: If `outside` is none of these.
    """
    global _outside
    if outside not in _RULES:
        raise ValueError(f"outside must be one of {', '.join(_RULES)}, not {outside!r}")
    _outside = outside


def on_error(hook: ErrorHook) -> ErrorHook:
    """Has a function called for every error that no client gets to see.

    That is: an app that fails, a body's ``close()``, work after the response or an out-of-band
    handler that does. Each of them is in the log already. It may be used as a decorator. A hook
    that fails itself is logged and otherwise ignored.

    Deferred work that is about to be cut with its process is told as well, as a `DeferredCut`
    and in a thread of the hook's own.

    Args:
        hook: Called with the exception and an `ErrorContext` (``what``, ``request_id``,
            ``method``, ``path``), in the thread where it happened.

    Returns:
        The hook.
    """
    _hooks.error_hooks.append(hook)
    return hook


def _name(fn: Callable[..., object]) -> str:
    """What an operator is told was lost, should the process be killed before its call returns."""
    inner = fn
    while isinstance(inner, functools.partial):
        inner = inner.func
    return getattr(inner, "__qualname__", None) or type(inner).__qualname__


def _rule() -> str:
    if _outside is not None:
        return _outside
    rule = os.environ.get(OUTSIDE_VARIABLE, "inline")
    return rule if rule in _RULES else "inline"


def _run(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Makes a call outside of maitred. Whoever put it off must not fail with it."""
    try:
        fn(*args, **kwargs)
    except Exception as error:
        print(f"maitred: {fn!r}, put off until after the response, failed", file=sys.stderr)
        _hooks.tell(error, "after_response")
        return False
    return True
