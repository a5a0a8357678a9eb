"""The parts of WSGI that are the same for all requests."""

from __future__ import annotations

import sys
from typing import Any, Protocol

__all__ = ["FileWrapper", "base_environ"]


class Readable(Protocol):
    """What a file wrapper needs of a file."""

    def read(self, size: int, /) -> bytes:
        """Reads at most `size` bytes; none at the end."""


class FileWrapper:
    """``wsgi.file_wrapper``: a body made of a file (PEP 3333, "Optional Platform-Specific File
    Handling").

    Args:
        filelike: What to read. It is closed with the body if it has a ``close``.
        blksize: Bytes to read at a time. It is a suggestion: smaller ones than `BLOCK_LEN`
            only cost, so they are raised to it.
    """

    BLOCK_LEN = 64 * 1024

    def __init__(self, filelike: Readable, blksize: int = BLOCK_LEN) -> None:
        self.filelike = filelike
        self.blksize = max(blksize, self.BLOCK_LEN)
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> FileWrapper:
        return self

    def __next__(self) -> bytes:
        data = self.filelike.read(self.blksize)
        if not data:
            raise StopIteration
        return data


def base_environ(slots: int) -> dict[str, Any]:
    """Builds what every ``environ`` of this process holds.

    Args:
        slots: Requests that this process runs at once, each on a thread of its own.

    Returns:
        The keys that do not depend on the request, and defaults for some that do.
    """
    return {
        "SCRIPT_NAME": "",
        "SERVER_SOFTWARE": "maitred",
        "REMOTE_ADDR": "",
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": slots > 1,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": FileWrapper,
        "maitred.wait": 0.0,
        "maitred.upstream": 0.0,
    }
