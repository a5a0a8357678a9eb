"""Inputs to begin with, made of what the tree already has.

Random bytes take hours to become a frame or a key of maitred.toml. The golden frames and the
documentation are full of them.

Usage: seeds.py FOLDER; one folder per target is made in it.
"""

import json
import re
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
# A state of the link for each of its variants, and bytes that arrive in small pieces.
STATES = range(0, 64, 3)
PIECES = bytes([3, 40, 200, 0, 15, 99])


def frames(sender: str) -> list[bytes]:
    golden = json.loads((TREE / "proto/vectors/frames.json").read_text())
    return [bytes.fromhex("".join(one["hex"])) for one in golden if one["from"] == sender]


def mistakes(receiver: str) -> list[bytes]:
    known = json.loads((TREE / "proto/vectors/errors.json").read_text())
    return [bytes.fromhex("".join(one["hex"])) for one in known if one["to"] == receiver]


def settings() -> list[bytes]:
    text = "\n".join(page.read_text() for page in sorted((TREE / "docs").glob("*.md")))
    return [block.encode() for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]


def write(folder: Path, inputs: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (folder / f"seed-{number:03}").write_bytes(data)


def link(folder: Path, one_by_one: list[bytes]) -> None:
    talks = [*one_by_one, b"".join(one_by_one)]
    write(folder, [bytes([state]) + PIECES + talk for state in STATES for talk in talks])


def main() -> None:
    folder = Path(sys.argv[1])
    write(folder / "frames", frames("core") + frames("process"))
    link(folder / "link_core", frames("process") + mistakes("core"))
    link(folder / "link_process", frames("core") + mistakes("process"))
    payloads = [frame[16:] for frame in frames("core") + frames("process")]
    heads = [bytes([kind]) * 4 + payload for kind in (0, 99, 200) for payload in payloads]
    write(folder / "http_head", heads)
    write(folder / "config", settings())


main()
