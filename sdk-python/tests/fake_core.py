"""A core that a test plays: speaks frames by hand, as the text of the protocol has them."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

HELLO, WELCOME, REJECT = 0x01, 0x02, 0x03
REQUEST, BODY, TRAILERS, RESPONSE, END, ABORT = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15
CANCEL, WINDOW, READY, DEFERRED = 0x16, 0x17, 0x18, 0x1A
OOB_REQUEST, OOB_WITHDRAW, OOB_START, OOB_DONE = 0x28, 0x29, 0x2A, 0x2B
INTERRUPT = 0x21
PING, PONG, DRAIN, GOODBYE, BOUNCE = 0x30, 0x31, 0x32, 0x33, 0x34
FLAG_END, FLAG_READY = 0x01, 0x02
TOKEN = "000102030405060708090a0b0c0d0e0f"
PATIENCE_S = 10.0


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def encode(fields: list[tuple[int, int | bytes | str]]) -> bytes:
    """Encodes a protobuf message from its fields."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode("latin-1") if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def decode(payload: bytes) -> dict[int, list]:
    """Decodes a protobuf message to lists of values by field."""
    fields: dict[int, list] = {}
    at = 0

    def number() -> int:
        nonlocal at
        shift = value = 0
        while True:
            byte = payload[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(payload):
        tag = number()
        value: int | bytes = number()
        if tag & 7 == 2:
            length = int(value)
            value = payload[at : at + length]
            at += length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def wait_for(condition, what: str) -> None:
    """Waits for something outside the link, such as a file that the app makes."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.002)


class Answer:
    """What a process said about one request."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.frames: list[str] = []
        self.ended = self.aborted = False
        self.readies = 0
        self.failed = 0
        self.abort = ""
        self.deferred = ""

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class FakeCore:
    """Starts one process of an app and speaks to it."""

    def __init__(self, folder: Path, app: str, slots: int = 1, **options) -> None:
        self.path = str(folder / "worker.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(PATIENCE_S)
        self.stream = 0
        self.answers: dict[int, Answer] = {}
        self.pongs: list[dict[int, list]] = []
        self.oob_requests: list[dict[int, list]] = []
        self.oob_withdrawn: list[str] = []
        self.oob_done: list[dict[int, list]] = []
        self.goodbye: int | None = None
        self.drain_wanted: int | None = None
        self.closed = False
        self.stderr_path = folder / "stderr"
        self.stdout_path = folder / "stdout"
        env = {**os.environ, "MAITRED_LINK": self.path, "MAITRED_TOKEN": TOKEN}
        env.update(options.pop("env", {}))
        arguments = [sys.executable, "-m", "maitred", app, "--slots", str(slots)]
        arguments += options.pop("arguments", [])
        self.merge_us = options.pop("merge_us", 50)
        with open(self.stderr_path, "wb") as stderr, open(self.stdout_path, "wb") as stdout:
            self.process = subprocess.Popen(
                arguments, env=env, cwd=options.pop("cwd", None), stdout=stdout, stderr=stderr
            )
        self.link: socket.socket | None = None
        self.buffer = b""
        self.send_together = False
        self.unsent = b""

    # The opening and the end.

    def accept(self) -> dict[int, list]:
        self.link, _ = self.listener.accept()
        self.link.settimeout(PATIENCE_S)
        kind, _flags, _stream, payload = self.receive()
        assert kind == HELLO
        return decode(payload)

    def welcome(self) -> dict[int, list]:
        hello = self.accept()
        fields = [(1, 1), (2, "test"), (3, "pool"), (4, 1), (5, 1), (6, self.merge_us)]
        self.send(WELCOME, 0, encode(fields))
        return hello

    def drain_and_wait(self) -> int:
        if self.link is not None and not self.closed:
            self.send(DRAIN, 0, encode([(1, 3)]))
            self.until(lambda: self.goodbye is not None)
            self.link.close()
        return self.process.wait(PATIENCE_S)

    def stop(self) -> None:
        if self.link is not None:
            self.link.close()
        self.listener.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)

    def stderr(self) -> str:
        return self.stderr_path.read_text()

    # Frames.

    def send(self, kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> None:
        assert self.link is not None
        self.unsent += struct.pack("<IBBHQ", len(payload), kind, flags, 0, stream) + payload
        if not self.send_together:
            self.flush()

    def flush(self) -> None:
        """Sends in one write what `send_together` has kept."""
        assert self.link is not None
        unsent, self.unsent, self.send_together = self.unsent, b"", False
        self.link.sendall(unsent)

    def receive(self) -> tuple[int, int, int, bytes]:
        header = self.exactly(16)
        length, kind, flags, _reserved, stream = struct.unpack("<IBBHQ", header)
        return kind, flags, stream, self.exactly(length)

    def exactly(self, length: int) -> bytes:
        assert self.link is not None
        while len(self.buffer) < length:
            data = self.link.recv(1 << 18)
            if not data:
                self.closed = True
                raise EOFError
            self.buffer += data
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        return data

    # Requests.

    def request(self, target="/", method="GET", headers=(), body: bytes | None = b"", **head):
        """Sends a request in one write. `body` None: it follows, by `send(BODY, ...)`."""
        self.stream += 2
        fields = [(1, method), (2, target), (3, head.get("version", 11))]
        fields += [(4, head.get("scheme", "http")), (5, head.get("client", "10.1.2.3"))]
        fields += [(6, head.get("client_port", 4321)), (7, head.get("server", "127.0.0.1"))]
        fields += [(8, head.get("server_port", 8000)), (9, head.get("request_id", "id-1"))]
        fields += [(10, head.get("wait_us", 1500)), (11, head.get("upstream_us", 0))]
        for name, value in headers:
            fields += [(15, name), (15, value)]
        ends = FLAG_END if body == b"" else 0
        self.answers[self.stream] = Answer()
        keeps, self.send_together = self.send_together, True
        self.send(REQUEST, self.stream, encode(fields), ends)
        for start in range(0, len(body or b""), 65536):
            piece = body[start : start + 65536]
            last = start + 65536 >= len(body)
            self.send(BODY, self.stream, piece, FLAG_END if last else 0)
        if not keeps:
            self.flush()
        return self.stream

    def until(self, condition) -> None:
        """Takes frames until the condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "the process did not say what was awaited"
            self.take()

    def take(self) -> None:
        kind, flags, stream, payload = self.receive()
        if kind == PONG:
            self.pongs.append(decode(payload))
        elif kind == OOB_REQUEST:
            self.oob_requests.append(decode(payload))
        elif kind == OOB_WITHDRAW:
            self.oob_withdrawn.append(decode(payload)[1][0].decode())
        elif kind == OOB_DONE:
            self.oob_done.append(decode(payload))
        elif kind == GOODBYE:
            self.goodbye = decode(payload).get(1, [0])[0]
        elif kind == DRAIN:
            self.drain_wanted = decode(payload).get(1, [0])[0]
        else:
            self.take_of_stream(self.answers[stream], stream, kind, flags, payload)

    def take_of_stream(self, answer: Answer, stream: int, kind: int, flags: int, payload: bytes):
        names = {RESPONSE: "response", BODY: "body", END: "end", ABORT: "abort", READY: "ready"}
        names[DEFERRED] = "deferred"
        marks = "+end" * (flags & FLAG_END) + "+ready" * (flags >> 1 & 1)
        answer.frames.append(names.get(kind, hex(kind)) + marks)
        if kind == RESPONSE:
            fields = decode(payload)
            answer.status = fields[1][0]
            texts = [value.decode("latin-1") for value in fields.get(2, [])]
            answer.headers = list(zip(texts[::2], texts[1::2]))
        elif kind == BODY:
            answer.body += payload
            self.send(WINDOW, stream, encode([(1, len(payload))]))
        elif kind in (END, DEFERRED):
            answer.deferred = decode(payload).get(1, [b""])[0].decode()
        elif kind == ABORT:
            answer.aborted = True
            answer.abort = decode(payload).get(2, [b""])[0].decode()
        elif kind == READY:
            answer.failed = decode(payload).get(1, [0])[0]
        answer.ended |= kind in (END, ABORT) or bool(flags & FLAG_END)
        answer.readies += kind == READY or bool(flags & FLAG_READY)

    def answer(self, stream: int) -> Answer:
        """Takes frames until the slot of the request is free."""
        answer = self.answers[stream]
        self.until(lambda: answer.readies > 0)
        return answer

    def ended(self, stream: int) -> Answer:
        """Takes frames until the response to the request is complete."""
        answer = self.answers[stream]
        self.until(lambda: answer.ended)
        return answer

    def oob(self, kind="gc", requested_by=1, lease_ms=60000) -> int:
        """Takes the process out of band, and waits for its outcome."""
        count = len(self.oob_done)
        self.send(OOB_START, 0, encode([(1, kind), (2, requested_by), (3, lease_ms)]))
        self.until(lambda: len(self.oob_done) > count)
        assert self.oob_done[-1][1] == [kind.encode()]
        return self.oob_done[-1][2][0]

    def get(self, target="/", **options) -> Answer:
        return self.answer(self.request(target, **options))
