#!/usr/bin/env python3
"""What keeping garbage collection out of requests does to the latency of an app with a large heap.

The same app runs twice, as it is and with the preset `maitred.oob_gc()`. Every round makes a new
trace of arrivals from its seed and plays it to both, in an order that turns around from round to
round. The load is an open loop: a request is sent when its time has come, and its latency counts
from then, so that a pause of 200 ms costs all who came in it. A request that fails fails the
benchmark.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402

SEED = 20081029
# A trace is made for slots that are busy for so long per request. The app ignores it.
NOMINAL_US = 5000
BOOT_SECONDS_MAX = 120
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
VARIANTS = {"plain": {}, "oob_gc": {"BENCH_OOB_GC": "1"}}


def make_trace(number, args):
    """The file of the arrivals of a round."""
    path = common.OUT / f"oob_gc-{number}.trace"
    load = args.rate * NOMINAL_US / 1e6 / args.processes
    command = [
        str(common.LOAD), "trace", "make", "--seed", str(SEED + number), "--load", f"{load:.6f}",
        "--slots", str(args.processes), "--seconds", str(args.seconds),
        "--kind", f"{NOMINAL_US},0,1",
    ]  # fmt: skip
    with open(path, "wb") as file:
        common.run(command, stdout=file)
    return path


def status(server):
    """The pool of a server, as `maitred status` tells it."""
    command = [str(common.MAITRED), "status", "--json", "--instance", f"bench-{server.port}"]
    environ = {**os.environ, "XDG_RUNTIME_DIR": server.folder}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ)
    if done.returncode != 0:
        raise common.Failed(f"{server.name}: {done.stderr.strip()}")
    return json.loads(done.stdout)["pools"][0]


def wait_for_all(server, processes):
    """Waits until all processes have built their heaps."""
    deadline = time.monotonic() + BOOT_SECONDS_MAX
    while time.monotonic() < deadline:
        states = [process["state"] for process in status(server)["processes"]]
        if states.count("serving") == processes:
            return
        time.sleep(0.2)
    raise common.Failed(f"{server.name}: not all processes serve")


def play(name, trace, number, args):
    """Plays a trace to one variant: its latencies in microseconds, sorted, and its pool."""
    settings = {"BENCH_HEAP_ENTRIES": str(args.entries), **VARIANTS[name]}
    served = common.maitred("heap:app", args.processes, 1, settings)
    times = common.OUT / f"oob_gc-{name}-{number}.times"
    with common.Server(f"oob_gc-{name}", served) as server:
        wait_for_all(server, args.processes)
        command = [
            str(common.LOAD), "trace", "play", "--address", f"127.0.0.1:{server.port}",
            "--trace", str(trace), "--times", str(times),
        ]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise common.Failed(f"{name}: the load client failed: {done.stderr.strip()}")
        told = json.loads(done.stdout)
        if told["errors"]:
            raise common.Failed(f"{name}: {told['errors']} errors: {told['first_error']}")
        pool = status(server)
    return sorted(int(line.split()[2]) for line in times.read_text().splitlines()), pool


def quantile(latencies, share):
    """The smallest latency that this share of the requests did not exceed."""
    place = min(len(latencies) - 1, int(share * len(latencies)))
    return latencies[place]


def measure(args):
    """All rounds: variant to a list of (latencies, pool)."""
    runs = {name: [] for name in VARIANTS}
    for number in range(args.rounds):
        trace = make_trace(number, args)
        order = list(VARIANTS) if number % 2 == 0 else list(reversed(VARIANTS))
        for name in order:
            latencies, pool = play(name, trace, number, args)
            runs[name].append((latencies, pool))
            p99 = quantile(latencies, 0.99) / 1000
            done = pool["oob"]["outcomes"].get("done", 0)
            print(
                f"round {number + 1}/{args.rounds}  {name:7} {len(latencies)} requests  "
                f"p99 {p99:.1f} ms  {done} collections out of band",
                flush=True,
            )
    return runs


def line_of(name, rounds):
    """A variant's line of the table: medians of the rounds."""
    cells = [name]
    for share in QUANTILES.values():
        median = statistics.median(quantile(latencies, share) for latencies, _ in rounds)
        cells.append(f"{median / 1000:.1f}")
    done = sum(pool["oob"]["outcomes"].get("done", 0) for _, pool in rounds)
    most = max(pool["oob"]["peak"] for _, pool in rounds)
    rss = statistics.median(
        max(process["rss_bytes"] for process in pool["processes"]) for _, pool in rounds
    )
    return [*cells, str(done), str(most), f"{rss / 2**20:.0f}"]


def verdict(runs):
    """How much longer the slowest in a hundred wait without the preset, round by round."""
    ratios = [
        quantile(plain, 0.99) / quantile(preset, 0.99)
        for (plain, _), (preset, _) in zip(runs["plain"], runs["oob_gc"])
    ]
    shown = f"{min(ratios):.1f} to {max(ratios):.1f}"
    return f"- p99 without the preset: {statistics.median(ratios):.1f} times as long ({shown})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    parser.add_argument("--seconds", type=int, default=60, help="seconds of each trace (60)")
    parser.add_argument("--rate", type=float, default=300.0, help="requests per second (300)")
    parser.add_argument("--processes", type=int, default=2, help="app processes (2)")
    parser.add_argument(
        "--entries", type=int, default=12_500, help="cache entries of 200 objects each (12500)"
    )
    parser.add_argument("--record", action="store_true", help="write bench/RESULTS.md")
    args = parser.parse_args()
    common.prepare()
    runs = measure(args)
    quantiles = [f"{name} ms" for name in QUANTILES]
    head = ["variant", *quantiles, "done out of band", "most at once", "RSS MiB"]
    text = "\n\n".join(
        [
            common.circumstances("bench/oob_gc/run.py " + " ".join(sys.argv[1:])),
            common.table(head, [line_of(name, rounds) for name, rounds in runs.items()]),
            verdict(runs),
        ]
    )
    print(text)
    if args.record:
        common.record("Garbage collection out of band, large heap", text)


if __name__ == "__main__":
    try:
        main()
    except common.Failed as error:
        sys.exit(f"failed: {error}")
