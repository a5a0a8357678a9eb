#!/usr/bin/env python3
"""Deferred work under load: maitred and its peers against the best single queue, on one trace.

Every round makes a new trace per load from its seed and plays it to each server in turn, in an
order that turns around from round to round. Servers that are judged beside each other are up at the
same time and play each trace one right after the other. A ratio compares a server with the optimum
of the very same trace; the figure is the median of the rounds. A peer that is missing, a request
that fails, or a process that is left over fails the benchmark; so does a budget that is not kept.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402
import measured  # noqa: E402
import peers  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import serve  # noqa: E402
from scenarios import CPU_REQUESTS, SCENARIOS  # noqa: E402

SEED = 20081029
# Between two traces on one server: what was deferred by the first must be over.
SETTLE_SECONDS = 0.2


def trace_of(scenario, load, seconds, number, folder):
    """The file of the trace of a round, and that of its optimum."""
    trace = folder / f"{load}-{number}.trace"
    command = [str(common.LOAD), "trace", "make", "--seed", str(SEED + number)]
    command += ["--load", str(load), "--slots", str(peers.SLOTS), "--seconds", str(seconds)]
    for kind in scenario.kinds:
        command += ["--kind", kind]
    output_to(trace, command)
    return trace, optimum_of(trace)


def optimum_of(trace):
    optimum = trace.with_suffix(".optimum")
    command = [str(common.LOAD), "trace", "optimum", "--slots", str(peers.SLOTS)]
    output_to(optimum, [*command, "--trace", str(trace)])
    return optimum


def output_to(path, command):
    with open(path, "wb") as file:
        common.run(command, stdout=file)


def play(server, load, number, files, folder, fresh):
    """Plays a trace to a server; the run's facts and files."""
    trace, optimum = files
    times = folder / f"{server.peer.name}-{load}-{number}.times"
    command = [
        str(common.LOAD), "trace", "play", "--address", f"127.0.0.1:{server.port}",
        "--trace", str(trace), "--times", str(times),
    ]  # fmt: skip
    command += ["--fresh"] if fresh or server.peer.fresh else []
    log = measured.Log(server)
    began = time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise common.Failed(f"{server.peer.name}: the load client: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    if told["errors"]:
        raise common.Failed(
            f"{server.peer.name} at {load}: {told['errors']} errors: {told['first_error']}"
        )
    time.sleep(SETTLE_SECONDS)
    run = {
        "peer": server.peer.name, "load": load, "round": number, "trace": str(trace),
        "optimum": str(optimum), "times": str(times), "client": told,
        "oob": measured.out_of_band(server.folder / "oob", began, time.monotonic()),
    }  # fmt: skip
    occupied = log.occupancies(trace, times.with_suffix(".trace"))
    if occupied is not None:
        run["measured_optimum"] = str(optimum_of(occupied))
    return run


def groups_of(chosen, number):
    """Peers that are up together in a round. Their order turns around from round to round."""
    groups = [[peer for peer in chosen if peer.paired]]
    groups += [[peer] for peer in chosen if not peer.paired]
    groups = [group for group in groups if group]
    return groups if number % 2 == 0 else [group[::-1] for group in reversed(groups)]


def play_all(group, traces, number, args, folder):
    """Plays every trace of a round to each peer of a group before the next one; the runs."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(serve.Running(peer)) for peer in group]
        for server in servers:
            (server.folder / "oob").mkdir()
        for load, files in traces:
            for server in servers:
                run = play(server, load, number, files, folder, args.fresh)
                print(f"round {number + 1}/{args.rounds}  {report.line_of(run)}", flush=True)
                yield run


def measure(scenario, chosen, args, folder):
    """All rounds: the list of runs."""
    runs = []
    for number in range(args.rounds):
        traces = [
            (load, trace_of(scenario, load, args.seconds, number, folder)) for load in args.loads
        ]
        for group in groups_of(chosen, number):
            runs += play_all(group, traces, number, args, folder)
    return runs


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="trace")
    parser.add_argument("--loads", help="with commas between; else the scenario's own")
    parser.add_argument("--rounds", type=int, default=5, help="paired runs (5)")
    parser.add_argument("--seconds", type=float, help="length of a trace; else the scenario's own")
    parser.add_argument("--only", help="only servers whose name begins so; with commas between")
    parser.add_argument("--fresh", action="store_true", help="a connection per request, for all")
    parser.add_argument(
        "--cpu-requests", type=int, default=CPU_REQUESTS,
        help=f"of the closed loop of `long` ({CPU_REQUESTS})",
    )  # fmt: skip
    parser.add_argument("--prepare", action="store_true", help="build and install, no more")
    parser.add_argument("--record", action="store_true", help="write bench/RESULTS.md and plots")
    args = parser.parse_args()
    scenario = SCENARIOS[args.scenario]
    args.loads = [float(load) for load in args.loads.split(",")] if args.loads else scenario.loads
    args.seconds = args.seconds or scenario.seconds
    return args, scenario


def main():
    args, scenario = arguments()
    common.run([str(Path(__file__).parent / "setup.sh")])
    common.prepare()
    scenario.needs()
    if args.prepare:
        return 0
    starts = tuple(args.only.split(",")) if args.only else ("",)
    chosen = [peer for peer in scenario.peers if peer.name.startswith(starts)]
    if not chosen:
        raise common.Failed(f"no server's name begins with {args.only}")
    folder = common.OUT / "deferred" / args.scenario
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    runs = measure(scenario, chosen, args, folder)
    (folder / "runs.json").write_text(json.dumps(runs))
    results = report.Results(scenario, runs, {peer.name: peer.what for peer in chosen})
    verdicts, kept = scenario.verdicts(results)
    command = "bench/deferred/run.py " + " ".join(sys.argv[1:])
    others = report.versions(chosen)
    circumstances = common.circumstances(command) + (f"\n- {others}" if others else "")
    parts = [
        circumstances,
        report.explanation(results, args), *report.tables(results), verdicts, scenario.more(args),
    ]  # fmt: skip
    drawn = plot.draw_all(results, Path(__file__).parent / "plots" if args.record else folder)
    parts.append("Latency distributions: " + ", ".join(drawn))
    text = "\n\n".join(part for part in parts if part)
    print(text)
    if args.record:
        common.record(scenario.section, text)
    return 0 if kept else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Failed as failure:
        sys.exit(f"failed: {failure}")
