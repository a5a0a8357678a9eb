"""What apps write comes out as it was meant, and a stuck reader holds nobody up."""

import json
import os

from harness.until import until


def out(core) -> str:
    """What the core has written to its standard output."""
    return core.log_path("out").read_text()


def test_raw_output_is_untouched(serve):
    core = serve("main:app", "--app-log=raw")
    core.get("/say?text=hello")
    until(lambda: out(core) == "hello\n", "it is there as it is")


def test_a_prefix_tells_which_process_wrote_a_line(serve):
    core = serve("main:app", "--app-log=prefix", processes=1)
    core.get("/say?text=hello")
    (pid,) = core.app_pids()
    until(lambda: "hello" in out(core), "it is there")
    (line,) = out(core).splitlines()
    assert str(pid) in line
    assert line.endswith("hello")


def test_json_output_has_fields_of_its_own(serve):
    core = serve("main:app", "--app-log=json", processes=1)
    core.get("/say?text=hello")
    (pid,) = core.app_pids()
    until(lambda: "hello" in out(core), "it is there")
    line = json.loads(out(core).splitlines()[0])
    assert line["pid"] == pid
    assert "hello" in line.values()


def test_a_stuck_reader_of_the_logs_holds_no_request_up(prepare):
    core = prepare()
    reading, writing = os.pipe()
    core.stdout = writing
    core.start("--processes=2", "--app-log=raw").ready(2)
    os.close(writing)
    # Nobody reads: the pipe takes 64 KiB, and each of these requests writes as much again.
    for _ in range(200):
        assert core.get("/say?kb=64").status == 200
    assert core.totals()["done"] == 200
    os.close(reading)
    assert core.get("/").status == 200
