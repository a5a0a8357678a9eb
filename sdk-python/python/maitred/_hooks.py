"""What the native loop asks Python for: streams to read from, and reports of errors."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

from maitred._errors import ClientGone

if TYPE_CHECKING:
    from maitred._native import Input, Request

__all__ = ["BytesIO", "ClientGone", "error_hooks", "open_input", "report", "tell"]

INPUT_BUFFER_LEN = 64 * 1024
"""Bytes that ``wsgi.input`` reads ahead: what one frame of the link carries."""

error_hooks: list[Callable[[BaseException, str], object]] = []
"""What `maitred.on_error` was given."""


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
    method, path = environ.get("REQUEST_METHOD", "?"), environ.get("RAW_URI", "?")
    text = f"maitred: request {request.id} {method} {path} {what}\n"
    if error is not None:
        text += "".join(traceback.format_exception(type(error), error, error.__traceback__))
    write_error(text)
    if error is not None:
        call_hooks(error, request.id)


def tell(error: BaseException, request_id: str) -> None:
    """Logs an error that belongs to no request of maitred."""
    write_error("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    call_hooks(error, request_id)


def call_hooks(error: BaseException, request_id: str) -> None:
    """Tells the hooks of `maitred.on_error`."""
    for hook in error_hooks:
        try:
            hook(error, request_id)
        except Exception:
            write_error(f"maitred: the on_error hook {hook!r} failed\n{traceback.format_exc()}")


def write_error(text: str) -> None:
    """Writes to the standard error, as it is now: apps replace it, and hosts close it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass
