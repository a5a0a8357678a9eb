#!/usr/bin/env python3
"""Deferred work under load: maitred and its peers against the best single queue, on one trace.

Every round makes a new trace per load from its seed and plays it to each server in turn, in an
order that turns around from round to round. A ratio compares a server with the optimum of the very
same trace; the figure is the median of the rounds. A peer that is missing, a request that fails,
or a process that is left over fails the benchmark; so does a budget that is not kept.
"""

import argparse
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


def play(server, traces, folder, fresh):
    """Plays the traces of a round to a server; the runs' facts and files."""
    runs = []
    for load, number, (trace, optimum) in traces:
        times = folder / f"{server.peer.name}-{load}-{number}.times"
        command = [
            str(common.LOAD), "trace", "play", "--address", f"127.0.0.1:{server.port}",
            "--trace", str(trace), "--times", str(times),
        ]  # fmt: skip
        command += ["--fresh"] if fresh or server.peer.fresh else []
        command += [part for pid in server.pids for part in ("--tree", str(pid))]
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
        runs.append(run)
    return runs


def measure(scenario, chosen, args, folder):
    """All rounds: the list of runs."""
    runs = []
    for number in range(args.rounds):
        traces = [
            (load, number, trace_of(scenario, load, args.seconds, number, folder))
            for load in args.loads
        ]
        for peer in chosen if number % 2 == 0 else reversed(chosen):
            with serve.Running(peer) as server:
                (server.folder / "oob").mkdir()
                runs += play(server, traces, folder, args.fresh)
            for run in runs[-len(traces) :]:
                print(f"round {number + 1}/{args.rounds}  {report.line_of(run)}", flush=True)
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
    verdicts, kept = report.verdicts(results) if args.scenario == "trace" else ("", True)
    command = "bench/deferred/run.py " + " ".join(sys.argv[1:])
    parts = [
        common.circumstances(command) + f"\n- {report.versions(chosen)}",
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
