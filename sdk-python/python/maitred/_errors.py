"""The exceptions of maitred."""

from __future__ import annotations

__all__ = ["ClientGone"]


class ClientGone(ConnectionError):
    """Nobody waits for the response any more.

    Raised where an app reads from ``wsgi.input`` a body that will never be complete, or calls
    ``write()``, after the client left or the core gave up on the request. An app need not catch
    it: the server takes it as the end of the request, and logs nothing.
    """
