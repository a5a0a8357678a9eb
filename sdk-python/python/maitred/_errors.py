"""The exceptions of maitred."""

from __future__ import annotations

__all__ = ["ClientGone", "DeferredCut", "Overstayed"]


class ClientGone(ConnectionError):
    """Nobody waits for the response any more.

    Raised where an app reads from ``wsgi.input`` a body that will never be complete, or calls
    ``write()``, after the client left or the core gave up on the request. An app need not catch
    it: the server takes it as the end of the request, and logs nothing.
    """


class DeferredCut(Exception):
    """Deferred work still runs, and its process is about to be ended.

    Never raised: the hooks of `maitred.on_error` get it, shortly before the process is killed. It
    names the work. The work itself is told by ``maitred.current_request().cancelled()``.
    """


class Overstayed(BaseException):
    """A request, or its deferred work, has taken longer than its lease allows.

    Raised in the middle of whatever the thread does, and only where the operator has set
    ``leases.raise``. Like `KeyboardInterrupt` it is no `Exception`, so that a loop which catches
    and logs errors does not swallow it. Let it pass: ``finally`` and ``with`` clean up. Code that
    waits in a call of C is reached when that call returns.
    """
