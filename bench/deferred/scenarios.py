"""The three scenarios: which requests, at which loads, and which servers.

A kind of request is `SERVICE_US,DEFERRED_US,WEIGHT`, as the load client takes it. The load is the
share of the slot time that the requests occupy: rate times mean occupancy over eight slots.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402

# Out-of-band work of the third scenario: asked for every so many requests, this long.
OOB_EVERY = 500
OOB_SECONDS = 0.2

# The closed loop that measures CPU per request in both routing modes.
CPU_REQUESTS = 50_000
CPU_CONNECTIONS = 32


def nothing_more(_):
    return ""


@dataclass
class Scenario:
    """What is played, and to whom."""

    section: str
    kinds: list
    loads: list
    seconds: float
    peers: list
    # From results to what is said of promises, and whether all were kept.
    verdicts: Callable
    # Only requests with this service time are in the figures; `None`: all.
    only_service_us: int = None
    # Tells what else was found, after all rounds; gets the command line's arguments.
    more: Callable = nothing_more
    # What has to hold before anything is started.
    needs: Callable = lambda: None


def knows_setting(name):
    """Fails when maitred has no such setting: it would only warn, and serve without."""
    listed = subprocess.run(
        [str(common.MAITRED), "config", "--chdir", str(peers.APPS)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if name not in [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]:
        raise common.Failed(f"this maitred has no setting `{name}`: {listed.stderr.strip()}")


def routed(mode):
    return {"MAITRED_ROUTING": mode}


def cpu_of_both_modes(args):
    """CPU per request under a closed loop of small requests, the two modes in turn."""
    used = {"global": [], "per-process": []}
    for number in range(args.rounds):
        modes = list(used) if number % 2 == 0 else list(reversed(used))
        for mode in modes:
            served = common.maitred("hello:app", peers.SLOTS, 1, routed(mode))
            with common.Server(f"maitred-{mode}", served) as server:
                told = server.load(args.cpu_requests, CPU_CONNECTIONS)
            used[mode].append(told["cpu_us_per_request"])
            print(f"cpu  round {number + 1}/{args.rounds}  {mode:12} {used[mode][-1]:.1f} us")
    share = statistics.median(
        private / shared - 1 for private, shared in zip(used["per-process"], used["global"])
    )
    return (
        f"CPU per request, core and processes together, {CPU_CONNECTIONS} connections in a closed "
        f"loop, 8 processes of a hello app: global {statistics.median(used['global']):.1f} us, "
        f"per process {statistics.median(used['per-process']):.1f} us: private queues cost "
        f"{share:+.1%} (medians of {args.rounds} paired runs). Passenger's manual of 2008 gave "
        "about 5 % as what its global queue cost."
    )


def oob_peer(name, app, what):
    settings = {
        "BENCH_OOB_EVERY": str(OOB_EVERY),
        "BENCH_OOB_SECONDS": str(OOB_SECONDS),
        "BENCH_OOB_NOTES": "{folder}/oob",
    }
    return peers.Peer(name, peers.maitred(8, 1, app, settings), False, 8, what, True)


SCENARIOS = {
    "trace": Scenario(
        section="Deferred work: the trace",
        kinds=["5000,0,4", "5000,50000,1"],
        loads=[0.5, 0.7, 0.85, 0.95],
        seconds=3,
        peers=peers.TRACE,
        verdicts=report.verdicts,
    ),
    "long": Scenario(
        section="Deferred work: rare long requests in both routing modes",
        kinds=["10000,0,199", "2000000,0,1"],
        loads=[0.7],
        seconds=24,
        peers=[
            peers.Peer(
                f"maitred-{mode}", peers.maitred(8, 1, settings=routed(mode)), False, 8, what, True
            )
            for mode, what in [
                ("global", "8 processes, one queue"),
                ("per-process", "8 processes with a queue each"),
            ]
        ],
        verdicts=report.routing_verdicts,
        only_service_us=10000,
        more=cpu_of_both_modes,
        needs=lambda: knows_setting("routing"),
    ),
    "oob": Scenario(
        section="Deferred work: out-of-band work under load",
        kinds=["5000,0,4", "5000,50000,1"],
        loads=[0.5, 0.8, 0.9],
        seconds=18,
        peers=[
            oob_peer("maitred-oob-off", "app:app", "8 processes that never ask"),
            oob_peer("maitred-oob-on", "oob_app:app", "8 processes, each asks every 500 requests"),
        ],
        verdicts=report.oob_verdicts,
    ),
}
