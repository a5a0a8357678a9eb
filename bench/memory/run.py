#!/usr/bin/env python3
"""What the core needs: idle, and per idle keep-alive connection that has served a request."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402

IDLE_MB_MAX = 20
CONNECTION_KB_MAX = 24
CONNECTION_KB_GOAL = 8
# Allocators give memory back with a delay: a figure counts when it has stopped to move.
SETTLED_SECONDS = 1.0


def resident_kb(pid):
    """The resident memory of one process, when it has settled."""
    before = -1
    while True:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                now = int(line.split()[1])
        if now == before:
            return now
        before = now
        time.sleep(SETTLED_SECONDS)


def hold(server, connections):
    """Starts the client that holds connections, and returns it when all of them are open."""
    command = [
        str(common.LOAD), "hold", "--address", f"127.0.0.1:{server.port}",
        "--connections", str(connections),
    ]  # fmt: skip
    client = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if client.stdout.readline().strip() != f"held {connections}":
        raise common.Failed(f"connections were not held: {client.communicate()[1].strip()}")
    return client


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--record", action="store_true", help="write bench/RESULTS.md")
    args = parser.parse_args()
    common.prepare()
    with common.Server("maitred-memory", common.maitred("hello:app")) as server:
        idle = resident_kb(server.pid)
        client = hold(server, args.connections)
        held = resident_kb(server.pid)
        client.communicate()
        after = resident_kb(server.pid)
    each = (held - idle) / args.connections
    rows = [
        ["core, idle", f"{idle / 1024:.1f} MB", f"{IDLE_MB_MAX} MB"],
        [f"core, {args.connections} connections held", f"{held / 1024:.1f} MB", ""],
        ["each connection", f"{each:.1f} KB", f"{CONNECTION_KB_MAX} KB, goal {CONNECTION_KB_GOAL}"],
        ["core, after they left", f"{after / 1024:.1f} MB", ""],
    ]
    text = "\n\n".join(
        [
            common.circumstances("bench/memory/run.py " + " ".join(sys.argv[1:])),
            common.table(["what", "resident", "budget"], rows),
        ]
    )
    print(text)
    if args.record:
        common.record("Memory of the core", text)
    return 0 if idle <= IDLE_MB_MAX * 1024 and each <= CONNECTION_KB_MAX else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Failed as failure:
        sys.exit(f"failed: {failure}")
