"""Ten thousand idle connections, and gigabytes that pass through without staying in memory."""

import socket
import time

import pytest
from harness import proc
from harness.until import until

pytestmark = pytest.mark.slow

GB = 1 << 30
RSS_MAX = 300 << 20  # bytes
IDLE = 10_000
BLOCK = 1 << 20
SLOW_SECONDS = 60  # how long the slow reader reads
SLOW_RATE = 10 * 1024  # bytes per second


class Peak:
    """The most memory that the core was seen to use."""

    def __init__(self, core) -> None:
        self.core = core
        self.bytes = 0

    def look(self) -> None:
        """Looks once."""
        self.bytes = max(self.bytes, proc.rss_bytes(self.core.pid))


def hold_connections(core) -> list[socket.socket]:
    """Connections that have each served a request and stay open."""
    held = []
    for _ in range(IDLE):
        wire = core.wire()
        assert wire.get("/").response().status == 200
        held.append(wire.socket)
    return held


def upload(core, peak: Peak) -> None:
    """Sends a gigabyte."""
    block = bytes(BLOCK)
    with core.wire() as wire:
        wire.send(f"POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: {GB}\r\n\r\n")
        for _ in range(GB // BLOCK):
            wire.send(block)
            peak.look()
        wire.socket.settimeout(120)
        assert wire.response().body.startswith(f"{GB} ".encode())


def download_slowly(core, peak: Peak) -> int:
    """Reads a gigabyte at 10 KB/s for a minute, then leaves; returns the most on disk."""
    spool = 0
    with core.wire(receive_buffer=4096) as wire:
        wire.get("/big?mb=1024")
        wire.head()
        for second in range(SLOW_SECONDS):
            began = time.monotonic()
            wire.socket.recv(SLOW_RATE)
            peak.look()
            spool = max(spool, core.status()["buffers"]["spool_bytes"])
            # The reader has a rate: that is what makes it slow, and nothing is asserted about it.
            time.sleep(max(0.0, began + 1 - time.monotonic()))
    return spool


def test_memory_stays_small_whatever_passes_through(serve):
    core = serve(processes=2, keep_alive="600s")
    peak = Peak(core)
    idle = hold_connections(core)
    peak.look()
    print(f"core with {IDLE} idle connections: {peak.bytes >> 20} MiB")
    upload(core, peak)
    print(f"after an upload of 1 GB: {peak.bytes >> 20} MiB")
    spool = download_slowly(core, peak)
    print(f"after a slow download of 1 GB: {peak.bytes >> 20} MiB, on disk {spool >> 20} MiB")
    assert peak.bytes < RSS_MAX
    assert spool > 0
    until(lambda: core.status()["buffers"]["spool_bytes"] == 0, "the disk is given back", 60)
    assert core.status()["connections"]["open"] >= IDLE
    for connection in idle:
        connection.close()
