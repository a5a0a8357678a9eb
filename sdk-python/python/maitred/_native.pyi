"""The native half of maitred: private, and without behaviour that Python could give it."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

__version__: str

def pace(step: int, call: Callable[[], object], /) -> bool:
    """Has `call` called after every `step`-th response. False: another one is already."""

class Session:
    """The link of this process to the core."""

    @staticmethod
    def connect(
        path: str, token: str, slots: int, has_oob: bool, runtime: tuple[str, str]
    ) -> Session:
        """Connects to the core and waits for its welcome. `has_oob`: `next_oob` will be called.

        Raises:
            ConnectionError: If the core cannot be reached or rejects this process.
            ValueError: If the token or the number of slots make no sense.
        """
    def heed_interrupts(self, stacks: ModuleType, error: type[BaseException], signal: int) -> None:
        """Heeds what the core interrupts.

        Args:
            stacks: The module whose `dump` writes the stacks of all threads.
            error: What is raised in a slot that takes too long.
            signal: What faulthandler answers with the stacks of all threads.
        """
    def host_lives(self) -> None:
        """Tells the core that Python code runs in this process."""
    def request_drain(self) -> None:
        """Wishes to be drained; goes on serving until the core agrees."""
    def is_leaving(self) -> bool:
        """Whether the core said DRAIN, or the session is over."""
    def request_oob(
        self,
        kind: str,
        reason: str,
        expected_s: float | None,
        not_later_than_s: float | None,
        /,
    ) -> bool:
        """Asks to be taken out of band. False: this process is on its way out.

        Raises:
            ValueError: If the kind or a time make no sense.
        """
    def withdraw_oob(self, kind: str) -> None:
        """Takes a wish back; it may have been granted already."""
    def listen_oob(self) -> None:
        """Says that `next_oob` will be called, where `connect` was not told."""
    def next_oob(self) -> tuple[str, int, float] | None:
        """Waits until it is out of band: kind, who asked, lease in seconds. None: it is over."""
    def oob_done(self, how: str, took_s: float) -> None:
        """Out-of-band work is over: "done", "failed", or else there is no handler."""
    def ending(self) -> str | None:
        """How it ended: None while it has not, "drained", "core gone", or what was wrong."""
    @property
    def pool(self) -> str:
        """The name of the pool that this process belongs to."""

class Slot:
    """One unit of concurrency."""

    def __init__(self, session: Session, number: int) -> None: ...
    @property
    def request(self) -> Request | None:
        """The request that runs, or whose deferred work does."""
    @property
    def working(self) -> tuple[str, Request, dict[str, Any], str] | None:
        """What runs after a response: what, its request and environ, and the name of the work."""
    def defer(
        self,
        call: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
        name: str,
        /,
    ) -> bool:
        """Keeps a call for after the response. False: no request runs here."""
    def serve(
        self, app: Callable[..., Any], environ: dict[str, Any], hooks: ModuleType, /
    ) -> None:
        """Serves requests until the session is over.

        Raises:
            RuntimeError: If this process is a fork of the one that is linked.
        """

class Request:
    """What the core knows about a request."""

    @property
    def id(self) -> str: ...
    @property
    def wait(self) -> float: ...
    @property
    def upstream(self) -> float: ...
    def cancelled(self) -> bool:
        """Whether nobody waits for the response any more; in deferred work: whether it should end.

        Deferred work should end when its lease is over, or when its process is about to be killed.
        """

class Input:
    """A request's body while it is still arriving."""

    def read(self, max: int, /) -> bytes:
        """At most `max` bytes, as soon as there are some; empty at the end.

        Raises:
            ClientGone: If the rest will never come.
        """
