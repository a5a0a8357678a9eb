"""A full disk refuses what does not fit and harms nothing else."""

import os
import subprocess

import pytest
from harness.until import until

MB = 1 << 20


def in_use(core) -> int:
    """Bytes held, in memory and on disk."""
    buffers = core.status()["buffers"]
    return buffers["memory_bytes"] + buffers["spool_bytes"]


def refuses_what_does_not_fit(core) -> None:
    """8 MB get 503, 10 KB are taken, and a long response waits for its reader."""
    with core.wire() as wire:
        wire.send(f"POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: {8 * MB}\r\n\r\n")
        try:
            wire.send(bytes(8 * MB))
        except ConnectionError:
            pass  # it need not read all of it
        answer = wire.response()
        assert answer.status == 503
        assert answer.headers["x-maitred-reason"] == "buffers_full"
        assert int(answer.headers["retry-after"]) >= 1
    assert core.request("POST", "/count", b"x" * 10_000).status == 200

    with core.wire(receive_buffer=4096) as slow:
        slow.get("/big?mb=30")
        slow.head()
        until(lambda: core.pool()["slots"]["running"] == 1, "the response waits")
        assert core.get("/").status == 200
        total = 0
        while chunk := slow.next_chunk():
            total += len(chunk)
    assert total == 30 * MB
    until(lambda: in_use(core) == 0, "nothing is held")


def test_the_limit_of_the_disk_holds(serve):
    core = serve(buffer_memory_max="1 MiB", buffer_disk_max="2 MiB")
    refuses_what_does_not_fit(core)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_survived(prepare, small_disk):
    core = prepare()
    core.start("--processes=2", buffer_memory_max="1 MiB", buffer_dir=str(small_disk)).ready(2)
    refuses_what_does_not_fit(core)
    core.stop()


def test_a_spool_folder_that_is_not_there_is_told(prepare):
    core = prepare().start(buffer_dir="/nowhere/at/all")
    assert core.wait() == 2
    assert "/nowhere/at/all" in core.log()
