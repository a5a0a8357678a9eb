"""What the core knows about a request."""

from __future__ import annotations

from typing import Protocol

from maitred import _state

__all__ = ["RequestFacts", "current_request"]


class RequestFacts(Protocol):
    """What the core knows about a request; also ``environ["maitred.request"]``."""

    @property
    def id(self) -> str:
        """The id of the request, as in the logs of the core and in ``X-Request-Id``."""

    @property
    def wait(self) -> float:
        """Seconds that it waited in the core: arrival to dispatch."""

    @property
    def upstream(self) -> float:
        """Seconds from ``X-Request-Start`` to arrival; 0.0 where no such header came."""

    def cancelled(self) -> bool:
        """Tells whether nobody waits for the response any more.

        Cheap enough to ask in every turn of a long loop.
        """


def current_request() -> RequestFacts | None:
    """Finds the request that the calling code works for.

    Returns:
        Its facts, also while its deferred work runs; None outside of a request and outside of
        maitred.
    """
    slot = _state.current_slot.get()
    return None if slot is None else slot.request
