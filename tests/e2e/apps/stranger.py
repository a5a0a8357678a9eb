"""A process that opens a link and is not what the core expects, in a way that is chosen.

Written from proto/wire.md alone, without the SDK: what it sends, the SDK never would.
"""

import os
import socket
import struct
import sys

HELLO = 0x01
END_AND_READY = 0x03


def frame(kind: int, payload: bytes, flags: int = 0, stream: int = 0) -> bytes:
    """One frame; see section 2."""
    return struct.pack("<IBBHQ", len(payload), kind, flags, 0, stream) + payload


ANSWER_TO_NOTHING = frame(0x13, b"\x08\xc8\x01", END_AND_READY, stream=40)


def hello(token: bytes, version: int = 1) -> bytes:
    """HELLO with one slot; fields 1, 2, 3 and 5 of the message."""
    numbers = bytes([1 << 3, version, 2 << 3, version, 5 << 3, 1])
    return frame(HELLO, numbers + bytes([3 << 3 | 2, len(token)]) + token)


def main(manner: str) -> None:
    """Says it, then waits until the core has had enough."""
    token = bytes.fromhex(os.environ["MAITRED_TOKEN"])
    link = socket.socket(socket.AF_UNIX)
    link.connect(os.environ["MAITRED_LINK"])
    says = {
        "rubbish": b"GET / HTTP/1.1\r\nHost: core\r\n\r\n",
        "silence": b"",
        "version": hello(token, version=9),
        "token": hello(bytes(16)),
        "stream": hello(token) + ANSWER_TO_NOTHING,
        "late": hello(token),
    }
    link.sendall(says[manner])
    if manner == "late":
        link.recv(65536)  # WELCOME
        link.sendall(ANSWER_TO_NOTHING)
    while link.recv(65536):
        pass


main(sys.argv[1])
