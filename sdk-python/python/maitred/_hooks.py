"""What the native loop asks Python for: streams to read from, and reports of errors."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from maitred._errors import ClientGone

if TYPE_CHECKING:
    from maitred._native import Input, Request

__all__ = [
    "BytesIO",
    "ClientGone",
    "ErrorContext",
    "call",
    "context_of",
    "error_hooks",
    "open_input",
    "report",
    "tell",
    "write_error",
]

INPUT_BUFFER_LEN = 64 * 1024
"""Bytes that ``wsgi.input`` reads ahead: what one frame of the link carries."""


class ErrorContext(NamedTuple):
    """Where an error happened that no client gets to see, for `maitred.on_error`."""

    what: str
    """``"request"``: the app failed; ``"close"``: the ``close()`` of a response's body;
    ``"after_response"``: work put off until after the response; ``"oob"``: an out-of-band
    handler."""
    request_id: str = ""
    """The id of the request; empty where there is none."""
    method: str = ""
    """Its method; empty where there is none."""
    path: str = ""
    """Its path without the query; empty where there is none."""


ErrorHook = Callable[[BaseException, ErrorContext], object]

error_hooks: list[ErrorHook] = []
"""What `maitred.on_error` was given."""

SAID = {
    "request": "failed",
    "close": "failed in close()",
    "after_response": "failed in deferred work",
    "overrun": "sent more than its Content-Length",
}
"""How the log says it."""


class RawInput(io.RawIOBase):
    """The unbuffered end of a request's body that is still arriving."""

    def __init__(self, body: Input) -> None:
        self._body = body

    def readable(self) -> bool:
        """Tells that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Reads what is there, at least one byte unless the body is over.

        Raises:
            ClientGone: If the rest of the body will never come.
        """
        data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def open_input(body: Input) -> io.BufferedReader:
    """Makes the stream that an app reads a body from while it arrives (PEP 3333)."""
    return io.BufferedReader(RawInput(body), INPUT_BUFFER_LEN)


def report(
    what: str, request: Request, environ: dict[str, Any], error: BaseException | None
) -> None:
    """Logs what went wrong with a request, in one write so that lines stay together."""
    method, target = environ.get("REQUEST_METHOD", "?"), environ.get("RAW_URI", "?")
    text = f"maitred: request {request.id} {method} {target} {SAID[what]}\n"
    if error is None:
        write_error(text)
        return
    write_error(text + _traceback(error))
    _call_hooks(error, context_of(what, request, environ))


def context_of(what: str, request: Request, environ: dict[str, Any]) -> ErrorContext:
    """Says where in a request an error happened."""
    method, target = environ.get("REQUEST_METHOD", "?"), environ.get("RAW_URI", "?")
    return ErrorContext(what, request.id, str(method), str(target).partition("?")[0])


def tell(error: BaseException, what: str) -> None:
    """Logs an error that belongs to no request of maitred."""
    write_error(_traceback(error))
    _call_hooks(error, ErrorContext(what))


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def _call_hooks(error: BaseException, context: ErrorContext) -> None:
    for hook in error_hooks:
        call(hook, error, context)


def call(hook: ErrorHook, error: BaseException, context: ErrorContext) -> None:
    """Tells one hook. One that fails is in the log, and harms nobody."""
    try:
        hook(error, context)
    except Exception:
        write_error(f"maitred: the on_error hook {hook!r} failed\n{traceback.format_exc()}")


def write_error(text: str) -> None:
    """Writes to the standard error, as it is now: apps replace it, and hosts close it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass
