"""maitred: what a Python app may say to the application server that runs it.

The server knows when a process is really free, because its app can tell: work that was put off
until after the response keeps its slot taken, and nobody waits behind it. Everything here works
outside of maitred as well, so that an app needs no two ways to start.

Example:
    >>> import maitred
    >>> def app(environ, start_response):
    ...     maitred.after_response(send_mail, to=environ["QUERY_STRING"])
    ...     start_response("200 OK", [("Content-Type", "text/plain")])
    ...     return [b"done"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maitred._deferred import after_response, configure, on_error
from maitred._errors import ClientGone, DeferredCut, Overstayed
from maitred._facts import RequestFacts, current_request
from maitred._gc import oob_gc
from maitred._oob import OobEvent, on_oob, request_oob, withdraw_oob
from maitred._hooks import ErrorContext

if TYPE_CHECKING:
    active: bool

__version__ = "0.1.0"

__all__ = [
    "ClientGone",
    "DeferredCut",
    "ErrorContext",
    "OobEvent",
    "Overstayed",
    "RequestFacts",
    "active",
    "after_response",
    "configure",
    "current_request",
    "on_error",
    "on_oob",
    "oob_gc",
    "request_oob",
    "withdraw_oob",
]


def __getattr__(name: str) -> object:
    """Computes ``maitred.active``: whether maitred serves this process."""
    if name == "active":
        from maitred import _state

        return _state.is_active()
    raise AttributeError(f"module 'maitred' has no attribute {name!r}")
