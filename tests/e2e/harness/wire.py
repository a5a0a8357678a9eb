"""A client that sends exactly the bytes it is told to, and reads what comes back."""

import socket
from dataclasses import dataclass, field

TIMEOUT = 20.0  # seconds without a byte after which a test has failed
BLOCK = 65536  # bytes to read at once


class Closed(Exception):
    """The server closed the connection before the response was complete."""


@dataclass
class Response:
    """One response, its body taken out of its framing."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""


class Wire:
    """One connection to a server on the loopback interface."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(("127.0.0.1", port))
        self.held = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes | str) -> "Wire":
        """Sends all of it."""
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def get(self, path: str, *headers: str) -> "Wire":
        """Sends a GET without waiting for the answer."""
        lines = [f"GET {path} HTTP/1.1", "Host: test", *headers, "", ""]
        return self.send("\r\n".join(lines))

    def post(self, path: str, body: bytes, *headers: str) -> "Wire":
        """Sends a POST without waiting for the answer."""
        length = f"Content-Length: {len(body)}"
        lines = [f"POST {path} HTTP/1.1", "Host: test", length, *headers, "", ""]
        return self.send("\r\n".join(lines).encode() + body)

    def chunk(self, data: bytes) -> "Wire":
        """Sends one chunk; an empty one is the last."""
        return self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def more(self) -> bytes:
        """At least one byte, or Closed."""
        data = self.socket.recv(BLOCK)
        if not data:
            raise Closed(self.held)
        return data

    def take_until(self, end: bytes) -> bytes:
        """Everything up to and with `end`."""
        while end not in self.held:
            self.held += self.more()
        taken, _, self.held = self.held.partition(end)
        return taken + end

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        while len(self.held) < count:
            self.held += self.more()
        taken, self.held = self.held[:count], self.held[count:]
        return taken

    def head(self) -> Response:
        """The head of a response, also of a 1xx one."""
        lines = self.take_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return Response(int(lines[0].split()[1]), {k.lower(): v for k, v in headers.items()})

    def next_chunk(self) -> bytes:
        """The next chunk of a chunked body; empty at its end."""
        size = int(self.take_until(b"\r\n").split(b";")[0], 16)
        data = self.take(size)
        self.take_until(b"\r\n")
        return data

    def response(self, to_head: bool = False) -> Response:
        """A whole response; `to_head`: to a HEAD request, so without a body."""
        response = self.head()
        if to_head or response.status in (204, 304) or response.status < 200:
            return response
        if response.headers.get("transfer-encoding") == "chunked":
            while chunk := self.next_chunk():
                response.body += chunk
        elif "content-length" in response.headers:
            response.body = self.take(int(response.headers["content-length"]))
        else:
            response.body = self.held + self.rest()
        return response

    def rest(self) -> bytes:
        """Everything that still comes until the server closes."""
        taken = b""
        while data := self.socket.recv(BLOCK):
            taken += data
        return taken

    def is_closed(self) -> bool:
        """Waits for the server to close; False when it sends something instead."""
        try:
            return self.held == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
