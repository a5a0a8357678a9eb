"""Out-of-band work with real processes: asked for, granted, waited for, overstayed."""

import json

from harness.load import Load
from harness.until import until


def states(core) -> dict[int, str]:
    """The state of each process, by pid."""
    return {process["pid"]: process["state"] for process in core.pool()["processes"]}


def out(core) -> list[int]:
    """The pids of those that are out of band."""
    return [pid for pid, state in states(core).items() if state == "oob"]


def most_at_once(journal: list[str]) -> int:
    """How many were at their work at once, as the processes themselves wrote it down."""
    inside = most = 0
    for line in journal:
        inside += {"begin": 1, "end": -1}[line.split(":")[0]]
        most = max(most, inside)
    return most


def done(core) -> list[str]:
    """What was begun, as KIND:WHO-ASKED:PID."""
    return [line.partition(":")[2] for line in core.journal() if line.startswith("begin:")]


def test_a_process_that_asked_is_out_and_gets_no_requests_until_it_is_done(serve):
    core = serve("oob:app")
    asked = int(core.get("/ask/gate").data)
    until(lambda: out(core) == [asked], "the process that asked is out")
    for _ in range(20):
        assert int(core.get("/").data) != asked
    assert core.pool()["slots"]["out_of_band"] == 1
    core.open_gate("gate")
    until(lambda: set(states(core).values()) == {"serving"}, "it is back")
    assert done(core) == [f"gate:app:{asked}"]


def test_a_header_asks_and_no_client_sees_it(serve):
    core = serve("oob:app")
    answer = core.get("/header")
    assert not [name for name, _ in answer.getheaders() if name.startswith("!~")]
    until(lambda: done(core) == [f"gc:header:{int(answer.data)}"], "it is done")


def test_what_is_asked_for_at_start_up_is_done_one_process_at_a_time(prepare):
    core = prepare("oob:app")
    core.environ["TEST_ASK_AT_START"] = "1"
    core.start("--processes=3").ready(3)
    until(lambda: len(core.journal()) == 6, "all have done it")
    assert {line.split(":")[0] for line in done(core)} == {"start"}
    assert len(set(done(core))) == 3
    assert most_at_once(core.journal()) == 1


def test_never_more_than_the_allowed_number_are_out_and_the_others_wait(serve):
    core = serve("oob:app", processes=3)
    first = int(core.get("/ask/gate-a").data)
    until(lambda: out(core) == [first], "the first is out")
    second = int(core.get("/ask/gate-b").data)
    assert second != first
    (waiting,) = [ask for ask in core.pool()["oob"]["asks"] if ask["pid"] == second]
    assert (waiting["kind"], waiting["waits_for"]) == ("gate-b", "one at a time")
    assert out(core) == [first]
    core.open_gate("gate-a")
    until(lambda: out(core) == [second], "the second follows")
    core.open_all_gates()
    until(lambda: not core.pool()["oob"]["asks"], "both are done")
    assert core.pool()["oob"]["peak"] == 1


def test_never_fewer_than_the_floor_serve_however_many_may_be_out(serve):
    core = serve("oob:app", processes=3, oob_concurrent="3")
    asked = []
    for gate in ("gate-a", "gate-b", "gate-c"):
        asked.append(int(core.get(f"/ask/{gate}").data))
        until(lambda: set(out(core)) == set(asked[:2]), "two may be out at once")
    (waiting,) = [ask for ask in core.pool()["oob"]["asks"] if ask["waits_for"]]
    assert (waiting["pid"], waiting["waits_for"]) == (asked[2], "another process that serves")
    assert {int(core.get("/").data) for _ in range(5)} == {asked[2]}
    core.open_gate("gate-a")
    until(lambda: set(out(core)) == set(asked[1:]), "its turn comes when another is back")
    core.open_all_gates()
    until(lambda: not core.pool()["oob"]["asks"], "all are done")
    assert core.pool()["oob"]["peak"] == 2


def test_a_pool_of_one_does_it_on_an_empty_queue_and_says_so(serve):
    core = serve("oob:app", processes=1)
    assert core.pool()["oob"]["small_pool"]
    with core.wire() as busy, core.wire() as next_one:
        busy.get("/hold/hold")
        until(lambda: core.pool()["slots"]["running"] == 1, "it is busy")
        asked = core.command("oob", "run", "--all", "--instance", core.name)
        assert asked.returncode == 0, asked.stderr
        (ask,) = core.pool()["oob"]["asks"]
        assert ask["waits_for"] == "an empty queue: the pool is too small to spare a process"
        next_one.get("/")
        until(lambda: core.pool()["queue"]["waiting"] == 1, "one waits")
        core.open_gate("hold")
        assert busy.response().status == 200
        assert next_one.response().status == 200
    until(lambda: len(done(core)) == 1, "the work was done when the queue was empty")


def test_one_that_overstays_its_lease_is_replaced(serve):
    core = serve("oob:app", oob_lease="1s", leases_drain="1s")
    asked = int(core.get("/ask/gate").data)
    until(lambda: asked not in states(core), "it is gone")
    core.ready(2)
    core.says("out-of-band work exceeds its lease")
    assert core.pool()["oob"]["outcomes"] == {"overstayed": 1}


def test_a_handler_that_fails_and_one_that_is_missing_are_outcomes_of_their_own(prepare):
    core = prepare("oob:app")
    core.start("--processes=2").ready(2)
    core.get("/ask/fail")
    until(lambda: core.pool()["oob"]["outcomes"] == {"failed": 1}, "it failed")
    core.says("RuntimeError: out-of-band work that fails")
    bare = prepare("oob:app")
    bare.environ["TEST_NO_HANDLER"] = "1"
    bare.start("--processes=2").ready(2)
    bare.get("/ask/gc")
    until(lambda: bare.pool()["oob"]["outcomes"] == {"no_handler": 1}, "nobody did it")
    assert set(states(bare).values()) == {"serving"}


def test_an_operator_starts_it_and_reads_what_became_of_it(serve):
    core = serve("oob:app")
    pid = core.app_pids()[0]
    asked = core.command("oob", "run", str(pid), "--kind", "warm", "--instance", core.name)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout == f"asked pid {pid} for warm; see `maitred oob`\n"
    until(lambda: core.pool()["oob"]["outcomes"] == {"done": 1}, "it was done")
    assert done(core) == [f"warm:operator:{pid}"]
    (entry,) = json.loads(core.command("oob", "--json", "--instance", core.name).stdout)["history"]
    assert (entry["pid"], entry["kind"], entry["requested_by"]) == (pid, "warm", "operator")
    assert entry["requested_at_us"] <= entry["started_at_us"] <= entry["ended_at_us"]
    listed = core.command("oob", "--instance", core.name)
    assert listed.returncode == 0, listed.stderr
    line = next(line for line in listed.stdout.splitlines() if "warm" in line)
    assert line.split()[:4] == [str(pid), "warm", "operator", "done"]


def test_wrong_pids_and_no_pid_are_told_apart(serve):
    core = serve("oob:app", processes=1)
    unknown = core.command("oob", "run", "1", "--instance", core.name)
    assert unknown.returncode == 1
    assert unknown.stderr == "maitred: no process that is up has pid 1\n"
    assert core.command("oob", "run", "--instance", core.name).returncode == 2
    assert core.command("oob", "run", "0").returncode == 2
    assert core.command("oob", "--instance", "nobody-has-this-name").returncode == 3


def test_under_load_the_limit_holds_and_no_request_meets_a_process_that_is_out(serve):
    core = serve("oob:app", processes=3, slots=2)

    def path(number: int) -> tuple[str, str]:
        return ("GET", "/ask/quick?0.01" if number % 10 == 0 else "/")

    with Load(core.port, path, threads=6, requests=600) as load:
        load.join()
    assert load.outcomes() == {"ok": 600}
    until(lambda: not core.pool()["oob"]["asks"], "all that was asked for is done")
    assert set(core.pool()["oob"]["outcomes"]) == {"done"}
    assert len(done(core)) == core.pool()["oob"]["outcomes"]["done"] >= 3
    assert most_at_once(core.journal()) == core.pool()["oob"]["peak"] == 1
