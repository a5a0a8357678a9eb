#!/usr/bin/env python3
"""CPU per request of maitred, its peers and its floor: core and process together.

Every round runs each server once, in an order that turns around from round to round, so that
what else the machine does falls on all alike. A ratio compares two servers of the same round; the
figure is the median of the rounds' ratios. A peer that is missing, or any failed request, fails
the benchmark; so does a ratio above its budget. The floor (bench/floor) is what it costs at least
to hand a request to another process, without anything that maitred does with it on the way.
"""

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402

CONNECTIONS = 32

# row: (name of the comparison, app, slots, budget of maitred's CPU over Granian's or None)
ROWS = [
    ("hello 1x1", "hello:app", 1, 1.8),
    ("hello 1x8", "hello:app", 8, 1.3),
    ("flask 1x1", "flask_app:app", 1, None),
]

# Where the app does nothing, all that is measured is the way there and back: only there does a
# floor say anything. The budget is that of docs/decisions/0001.
FLOOR_APP = "hello:app"
FLOOR_BUDGET = 1.15


def servers(app, slots):
    """The servers of one row: name to how it is served."""
    served = {"maitred": common.maitred(app, 1, slots)}
    if app == FLOOR_APP:
        served["floor"] = common.floor(app, slots)
    served["granian"] = common.granian(app, slots)
    served["gunicorn"] = common.gunicorn(app, slots)
    return served


def measure(row, args):
    """All rounds of one row: server name to its reports, in the order of the rounds."""
    name, app, slots, _ = row
    reports = {server: [] for server in servers(app, slots)}
    for number in range(args.rounds):
        order = list(servers(app, slots).items())
        for server, served in order if number % 2 == 0 else reversed(order):
            label = f"{server}-{name.replace(' ', '-')}"
            with common.Server(label, served, args.cpu) as running:
                reports[server].append(running.load(args.requests, CONNECTIONS))
            cpu = reports[server][-1]["cpu_us_per_request"]
            print(f"{name}  round {number + 1}/{args.rounds}  {server:9} {cpu:7.1f} us", flush=True)
    return reports


def ratio(reports, server, other):
    """CPU of one server over that of another one: the median of the rounds' ratios."""
    return statistics.median(
        ours["cpu_us_per_request"] / theirs["cpu_us_per_request"]
        for ours, theirs in zip(reports[server], reports[other])
    )


def lines_of(row, reports):
    """The row's lines of the table."""
    lines = []
    for server, rounds in reports.items():
        cpu = sorted(report["cpu_us_per_request"] for report in rounds)

        def median(key, rounds=rounds):
            return statistics.median(report[key] for report in rounds)

        lines.append(
            [
                row[0],
                server,
                f"{statistics.median(cpu):.1f}",
                f"{cpu[0]:.1f} to {cpu[-1]:.1f}",
                f"{median('user_us_per_request'):.1f}",
                f"{median('system_us_per_request'):.1f}",
                f"{median('requests_per_second'):.0f}",
                f"{median('p50_us'):.0f}",
                f"{median('p99_us'):.0f}",
                f"{ratio(reports, server, 'granian'):.2f}",
            ]
        )
    return lines


def verdicts(row, reports):
    """What the row says about the budgets: lines, and whether each was kept."""
    name, _, _, budget = row
    to_granian = ratio(reports, "maitred", "granian")
    if budget is None:
        said = [(f"- {name}: {to_granian:.2f} times Granian (no budget)", True)]
    else:
        kept = to_granian <= budget
        text = f"- {name}: {to_granian:.2f} times Granian, budget {budget}"
        said = [(f"{text}: {word(kept)}", kept)]
    if "floor" in reports:
        to_floor = ratio(reports, "maitred", "floor")
        kept = to_floor <= FLOOR_BUDGET
        text = f"- {name}: {to_floor:.2f} times the floor, at most {FLOOR_BUDGET}"
        said.append((f"{text}: {word(kept)}", kept))
    return said


def word(kept):
    return "kept" if kept else "NOT KEPT"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds per row (5)")
    parser.add_argument("--requests", type=int, default=50_000, help="requests per run (50000)")
    parser.add_argument("--only", help="only rows whose name contains this")
    parser.add_argument("--cpu", type=int, help="run all servers on this one CPU")
    parser.add_argument("--record", action="store_true", help="write bench/RESULTS.md")
    args = parser.parse_args()
    rows = [row for row in ROWS if args.only is None or args.only in row[0]]
    common.prepare()
    if any(app == FLOOR_APP for _, app, _, _ in rows):
        common.prepare_floor()
    lines, said = [], []
    for row in rows:
        reports = measure(row, args)
        lines += lines_of(row, reports)
        said += verdicts(row, reports)
    head = ["row", "server", "CPU us", "from, to", "user", "system", "req/s", "p50 us", "p99 us"]
    head.append("ratio")
    text = "\n\n".join(
        [
            common.circumstances("bench/hello/run.py " + " ".join(sys.argv[1:])),
            common.table(head, lines),
            "\n".join(line for line, _ in said),
        ]
    )
    print(text)
    if args.record:
        on_one = "" if args.cpu is None else ", servers on one CPU"
        common.record("CPU per request" + on_one, text)
    return 0 if all(kept for _, kept in said) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Failed as failure:
        sys.exit(f"failed: {failure}")
