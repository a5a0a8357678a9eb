"""The golden frames of the protocol mean here what they mean everywhere.

Two readings are held to them: that of the core which these tests play, and that of a process.
"""

import json
import re
import struct
from pathlib import Path

import pytest
from fake_core import PING, WELCOME, decode, encode

PROTO = Path(__file__).parents[2] / "proto"
FLAGS = {"END": 0x01, "READY": 0x02, "OPTIONAL": 0x80}

WAITING = """
    import time
    def app(environ, start_response):
        while not environ["maitred.request"].cancelled():
            time.sleep(0.001)
        start_response("200 OK", [])
        return []
"""


def frames(name):
    return json.loads((PROTO / "vectors" / name).read_text())


def kinds() -> dict[str, int]:
    """The numbers of the kinds, from the table in the protocol's text."""
    rows = re.findall(r"^\| 0x([0-9a-f]{2}) \| ([A-Z_]+) \|", (PROTO / "wire.md").read_text(), re.M)
    return {name: int(number, 16) for number, name in rows}


def messages() -> dict[str, dict[str, tuple[int, bool]]]:
    """Number of every field, and whether it repeats, by message and name."""
    text = (PROTO / "maitred" / "link" / "link.proto").read_text()
    found = {}
    for name, body in re.findall(r"^message (\w+) \{(.*?)^\}", text, re.M | re.S):
        fields = re.findall(r"^  (repeated )?\w+ (\w+) = (\d+);", body, re.M)
        found[name] = {field: (int(number), bool(many)) for many, field, number in fields}
    return found


def plain(value):
    return value.encode("latin-1") if isinstance(value, str) else int(value)


def fields_of(frame):
    """The payload of a golden frame as numbers and values, in the order of the numbers."""
    fields = messages()["".join(word.capitalize() for word in frame["kind"].split("_"))]
    out = []
    for name, value in frame["payload"].items():
        number, many = fields[name]
        if many and value and isinstance(value[0], int):
            # Repeated numbers are packed.
            packed = b"".join(encode([(1, n)])[1:] for n in value)
            out.append((number, packed))
        else:
            out += [(number, plain(one)) for one in (value if many else [value])]
    return sorted(out, key=lambda field: field[0])


@pytest.mark.parametrize("frame", frames("frames.json"), ids=lambda frame: frame["name"])
def test_the_played_core_writes_and_reads_golden_frames(frame):
    raw = bytes.fromhex("".join(frame["hex"]))
    length, kind, flags, reserved, stream = struct.unpack("<IBBHQ", raw[:16])
    payload = raw[16:]
    assert (length, reserved, stream) == (len(payload), 0, frame["stream"])
    assert flags == sum(FLAGS[flag] for flag in frame["flags"])
    if frame["kind"] not in kinds():
        assert flags & FLAGS["OPTIONAL"]
        return
    assert kind == kinds()[frame["kind"]]
    if not isinstance(frame["payload"], dict):
        assert payload == (frame["payload"] or "").encode("latin-1")
        return
    fields = fields_of(frame)
    assert payload == encode(fields)
    for number, values in decode(payload).items():
        assert values == [value for field, value in fields if field == number]


BAD = [bad for bad in frames("errors.json") if bad["to"] == "process"]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad['name']} ({bad['state']})")
def test_a_process_takes_bad_frames_for_what_they_are(start, bad):
    core = start(WAITING, slots=2, welcome=False)
    core.accept()
    if bad["state"] == "open":
        core.send(WELCOME, 0, encode([(1, 1), (2, "test"), (3, "pool"), (4, 1), (6, 50)]))
        core.request("/")
    core.link.sendall(bytes.fromhex("".join(bad["hex"])))
    if bad["code"] is None:
        core.send(PING, 0, encode([(1, 2)]))
        core.until(lambda: core.pongs)
    else:
        assert core.process.wait(10) == 3
        assert bad["code"] in core.stderr()
