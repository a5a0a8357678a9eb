"""From runs to tables: percentiles, ratios to the optimum, budgets, versions."""

import re
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common  # noqa: E402

MEASURES = ["p50", "p90", "p99", "p99.9", "mean"]
# A run has about two requests beyond it: it is taken of all rounds together.
POOLED = "p99.9"

# Budgets, for the loads and measures that they are promised for.
BUDGET_LOADS = [0.7, 0.85]
BUDGET_MEASURES = ["p90", "p99", "mean"]
OPTIMUM_MAX = 1.2
UNICORN_MORE_MAX = 0.05
MEASURED_OPTIMUM_MAX = 1.05
# Processes that may be out of band at once: the default of maitred.
OUT_AT_ONCE_MAX = 1

DEBIAN = {
    "unicorn": "unicorn", "puma": "puma", "passenger": "passenger",
    "nginx": "nginx-light", "haproxy": "haproxy",
}  # fmt: skip


class Results:
    """All runs of a scenario, read once: lists of latencies, and what is said about them."""

    def __init__(self, scenario, runs, whats):
        self.scenario = scenario
        self.whats = whats
        self.loads = sorted({run["load"] for run in runs})
        self.rounds = 1 + max(run["round"] for run in runs)
        self.runs = {(run["peer"], run["load"], run["round"]): run for run in runs}
        self.read = {}

    def latencies(self, peer, load, number, which="times"):
        """Microseconds of every request that counts: `times`, `optimum`, `measured_optimum`."""
        run = self.runs[peer, load, number]
        path = run[which]
        if path not in self.read:
            column = [int(line.split()[-1]) for line in Path(path).read_text().splitlines()]
            services = [line.split()[1] for line in Path(run["trace"]).read_text().splitlines()]
            only = self.scenario.only_service_us
            self.read[path] = sorted(
                us for us, service in zip(column, services) if only in (None, int(service))
            )
        return self.read[path]

    def per_round(self, peer, load, which="times"):
        return [self.latencies(peer, load, number, which) for number in range(self.rounds)]

    def value(self, peer, load, measure, which="times"):
        """The measure in milliseconds: median of the rounds, or of all of them together."""
        rounds = self.per_round(peer, load, which)
        if measure == POOLED:
            rounds = [sorted(sum(rounds, []))]
        return statistics.median(of(values, measure) for values in rounds) / 1000

    def ratio(self, peer, load, measure, to="optimum"):
        """The measure over that of the optimum of the same trace: median of the rounds."""
        return statistics.median(self.ratios(peer, load, measure, to))

    def ratios(self, peer, load, measure, to="optimum"):
        """The same of each round; one of all of them where a round has too few requests."""
        pairs = zip(self.per_round(peer, load), self.per_round(peer, load, to))
        if measure == POOLED:
            pairs = [tuple(sorted(sum(side, [])) for side in zip(*pairs))]
        return [of(ours, measure) / of(best, measure) for ours, best in pairs]

    def more(self, peer, other, load, measure):
        """By how much a peer's ratio is above another's: median of the rounds' differences."""
        pairs = zip(self.ratios(peer, load, measure), self.ratios(other, load, measure))
        return statistics.median(ours - theirs for ours, theirs in pairs)

    def over(self, peer, other, load, measure):
        """A peer's measure over another's: median of the rounds, or all of them together."""
        pairs = zip(self.ratios(peer, load, measure), self.ratios(other, load, measure))
        return statistics.median(ours / theirs for ours, theirs in pairs)


def of(values, measure):
    """A percentile by nearest rank, or the mean, of sorted values."""
    if measure == "mean":
        return statistics.fmean(values)
    rank = -(-len(values) * float(measure[1:]) // 100)
    return values[max(0, int(rank) - 1)]


def line_of(run):
    """One run, for who watches."""
    lines = Path(run["times"]).read_text().splitlines()
    latencies = sorted(int(line.split()[-1]) for line in lines)
    client = run["client"]
    figures = "  ".join(f"{measure} {of(latencies, measure) / 1000:7.2f}" for measure in MEASURES)
    return (
        f"{run['peer']:16} load {run['load']:<4}  {figures} ms  "
        f"{client['requests']} requests, client late p99 {client['late_p99_us']} us"
    )


def tables(results):
    """What was measured, and what could have been with the occupancies as measured, per load."""
    for load in results.loads:
        yield f"### Load {load:g}\n\n{table(results, load)}"
        if told := table_of_measured(results, load):
            yield told


def table(results, load):
    peers = list(results.whats)
    oob = any(run["oob"]["times"] for run in results.runs.values())
    head = ["server", *(f"{measure} ms" for measure in MEASURES), "what"]
    best = [f"{results.value(peers[0], load, m, 'optimum'):.2f}" for m in MEASURES]
    rows = [["optimum", *best, "one queue, 8 slots, the same trace"]]
    for peer in peers:
        cells = []
        for m in MEASURES:
            cells.append(f"{results.value(peer, load, m):.2f} ({results.ratio(peer, load, m):.2f})")
        rows.append([peer, *cells, results.whats[peer]])
    if oob:
        head += ["times out", "out at once"]
        rows[0] += ["", ""]
        for row in rows[1:]:
            row += out_of_band(results, row[0], load)
    return common.table(head, rows)


def table_of_measured(results, load):
    """The optimum of the occupancies that a server measured, and its ratio to that."""
    rows = []
    for peer in results.whats:
        if "measured_optimum" in results.runs[peer, load, 0]:
            cells = [
                f"{results.value(peer, load, m, 'measured_optimum'):.2f} "
                f"({results.ratio(peer, load, m, 'measured_optimum'):.2f})"
                for m in MEASURES
            ]
            rows.append([peer, *cells])
    head = ["optimum of occupancies measured by", *(f"{m} ms" for m in MEASURES)]
    return common.table(head, rows) if rows else ""


def out_of_band(results, peer, load):
    """How often processes were out per round, and how many at once in any of them."""
    told = [results.runs[peer, load, number]["oob"] for number in range(results.rounds)]
    times = statistics.median(one["times"] for one in told)
    return [f"{times:g}", str(max(one["at_once"] for one in told))]


def explanation(results, args):
    """How to read the tables."""
    first = next(iter(results.whats))
    counts = [
        statistics.median(len(values) for values in results.per_round(first, load))
        for load in results.loads
    ]
    what = "requests" if results.scenario.only_service_us is None else "short requests"
    late = [run["client"]["late_p99_us"] for run in results.runs.values()]
    return (
        f"Milliseconds from scheduled arrival to last byte, in brackets the ratio to the optimum "
        f"of the same trace; medians of {results.rounds} paired rounds, p99.9 of all rounds "
        f"together. Where a server tells what each request occupied, the second table has the "
        f"optimum of that, and the ratio to it. A round has "
        f"{', '.join(f'{count:g}' for count in counts)} {what} at loads "
        f"{', '.join(f'{load:g}' for load in results.loads)} ({args.seconds:g} s). The client "
        f"sent its requests late by {statistics.median(late):g} us at p99, {max(late)} us in its "
        "worst run; that is within the figures of every server."
    )


def verdicts(results):
    """What was promised of maitred, for what was measured; and whether all of it was kept."""
    lines, all_kept = [], True
    loads = [load for load in results.loads if load in BUDGET_LOADS]
    for peer in [peer for peer in results.whats if peer.startswith("maitred-")]:
        for load in loads:
            told, kept = verdict(results, peer, load)
            lines.append(f"- {peer} at {load:g}: {told}: {'kept' if kept else 'NOT KEPT'}")
            all_kept = all_kept and kept
    if not lines:
        return "", True
    budget = (
        f"Budget at p90, p99 and mean: at most {OPTIMUM_MAX} times the optimum, at most "
        f"{UNICORN_MORE_MAX} above Unicorn's ratio, at most {MEASURED_OPTIMUM_MAX} times the "
        "optimum of the occupancies that maitred measured."
    )
    return budget + "\n\n" + "\n".join(lines), all_kept


def verdict(results, peer, load):
    told, kept = [], True
    for measure in BUDGET_MEASURES:
        ratio = results.ratio(peer, load, measure)
        to_measured = results.ratio(peer, load, measure, "measured_optimum")
        kept = kept and ratio <= OPTIMUM_MAX and to_measured <= MEASURED_OPTIMUM_MAX
        beside = ""
        if "unicorn" in results.whats:
            more = results.more(peer, "unicorn", load, measure)
            kept = kept and more <= UNICORN_MORE_MAX
            beside = f", {more:+.2f} beside Unicorn"
        told.append(f"{measure} {ratio:.2f}{beside}, {to_measured:.2f} of measured")
    return "; ".join(told), kept


def routing_verdicts(results):
    """What private queues cost short requests. Nothing was promised of it."""
    return beside(results, "maitred-per-process", "maitred-global"), True


def oob_verdicts(results):
    """What out-of-band work costs requests, and whether ever too many were out."""
    most = max(run["oob"]["at_once"] for run in results.runs.values())
    kept = most <= OUT_AT_ONCE_MAX
    lines = [
        f"- processes out of band at once: {most} at most, and no more than {OUT_AT_ONCE_MAX} may "
        f"be: {'kept' if kept else 'NOT KEPT'}"
    ]
    return "\n".join([beside(results, "maitred-oob-on", "maitred-oob-off"), *lines]), kept


def beside(results, peer, base):
    """One server's figures over another's on the same traces, load by load."""
    if not {peer, base} <= results.whats.keys():
        return ""
    lines = []
    for load in results.loads:
        told = ", ".join(f"{m} {results.over(peer, base, load, m):.2f}" for m in MEASURES)
        lines.append(f"- {peer} over {base} at {load:g}: {told}")
    return "\n".join(lines)


def versions(chosen):
    """The versions of Debian's packages and Python's packages that took part."""
    names = {re.match("[a-z]+", peer.name)[0] for peer in chosen}
    names |= {"unicorn"} if names & {"nginx", "haproxy"} else set()
    found = []
    for name in sorted(names & DEBIAN.keys()):
        query = ["dpkg-query", "-W", "-f", "${Version}", DEBIAN[name]]
        asked = subprocess.run(query, check=False, capture_output=True, text=True)
        found.append(f"{DEBIAN[name]} {asked.stdout or 'of unknown version'}")
    ruby = subprocess.run(["ruby", "--version"], check=False, capture_output=True, text=True)
    if found and ruby.returncode == 0:
        found.append(" ".join(ruby.stdout.split()[:2]))
    return ", ".join(found)
