"""A WSGI app without any framework: what maitred sees of an app, and nothing else.

    maitred serve examples/hello
    curl http://127.0.0.1:8000/
    curl -N 'http://127.0.0.1:8000/stream?items=5&ms=200'
    curl --data-binary @README.md http://127.0.0.1:8000/echo
    curl 'http://127.0.0.1:8000/deferred?ms=3000'     # answers at once; then look at the slots
    maitred status
"""

import time
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs

BLOCK = 65536  # bytes; what is read of an upload at a time


def app(environ: dict, start_response) -> Iterable[bytes]:
    """Routes by path; see PEP 3333 for the arguments."""
    views = {
        "/": hello,
        "/slow": slow,
        "/stream": stream,
        "/echo": echo,
        "/deferred": deferred,
    }
    view = views.get(environ["PATH_INFO"])
    if view is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such page\n"]
    return view(environ, start_response)


def number(environ: dict, name: str, default: int) -> int:
    """One number of the query string."""
    return int(parse_qs(environ["QUERY_STRING"]).get(name, [default])[0])


def hello(environ: dict, start_response) -> list[bytes]:
    """Answers at once."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello\n"]


def slow(environ: dict, start_response) -> list[bytes]:
    """Answers after `ms` milliseconds (1000): the slot is *running* meanwhile."""
    time.sleep(number(environ, "ms", 1000) / 1000)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, at last\n"]


def stream(environ: dict, start_response) -> Iterator[bytes]:
    """Sends `items` lines (10), one every `ms` milliseconds (100)."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    for item in range(number(environ, "items", 10)):
        yield b"%d\n" % item
        time.sleep(number(environ, "ms", 100) / 1000)


def echo(environ: dict, start_response) -> Iterator[bytes]:
    """Sends the request's body back as it comes in."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    while block := environ["wsgi.input"].read(BLOCK):
        yield block


class Deferred:
    """A body whose `close` works for a while, as those of frameworks do."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __iter__(self) -> Iterator[bytes]:
        yield b"Hello, and there is work left\n"

    def close(self) -> None:
        """Runs after the response is complete: the slot is *deferred* meanwhile."""
        time.sleep(self.seconds)


def deferred(environ: dict, start_response) -> Deferred:
    """Answers at once and works for `ms` milliseconds (1000) afterwards."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Deferred(number(environ, "ms", 1000) / 1000)
