"""The exceptions of maitred."""

from __future__ import annotations

__all__ = ["ClientGone", "Overstayed"]


class ClientGone(ConnectionError):
    """Nobody waits for the response any more.

    Raised where an app reads from ``wsgi.input`` a body that will never be complete, or calls
    ``write()``, after the client left or the core gave up on the request. An app need not catch
    it: the server takes it as the end of the request, and logs nothing.
    """


class Overstayed(BaseException):
    """A request, or its deferred work, has taken longer than its lease allows.

    Raised in the middle of whatever the thread does, and only where the operator has set
    ``leases.raise``. Like `KeyboardInterrupt` it is no `Exception`, so that a loop which catches
    and logs errors does not swallow it. Let it pass: ``finally`` and ``with`` clean up. Code that
    waits in a call of C is reached when that call returns.
    """
