"""How the figures are computed, against cases that can be checked by hand."""

import json
from types import SimpleNamespace

import common
import measured
import plot
import pytest
import report
import run
from peers import Peer


def results(tmp_path, rounds, only=None, peers=("maitred-8x1",)):
    """Results of one load from `(service, measured, optimum)` per request, in milliseconds."""
    runs = []
    for number, requests in enumerate(rounds):
        columns = [[f"0 {service * 1000} 0" for service, *_ in requests]]
        for column in (1, 2):
            columns.append([f"0 0 {request[column] * 1000}" for request in requests])
        files = []
        for name, lines in zip(("trace", "times", "optimum"), columns):
            path = tmp_path / f"{number}.{name}"
            path.write_text("\n".join(lines) + "\n")
            files.append(str(path))
        for peer in peers:
            runs.append(
                {
                    "peer": peer, "load": 0.7, "round": number, "trace": files[0],
                    "times": files[1], "optimum": files[2], "measured_optimum": files[2],
                    "oob": {"times": 0, "at_once": 0},
                    "client": {"requests": len(requests), "late_p99_us": 0},
                }  # fmt: skip
            )
    scenario = SimpleNamespace(only_service_us=only, section="Deferred work: a test")
    return report.Results(scenario, runs, {peer: "a server" for peer in peers})


def test_a_percentile_is_the_value_of_its_rank():
    values = list(range(1, 11))
    assert [report.of(values, name) for name in ("p50", "p90", "p99", "p99.9")] == [5, 9, 10, 10]
    assert report.of(values, "mean") == 5.5
    assert report.of([7], "p50") == 7


def test_a_ratio_compares_within_its_round_and_the_median_of_the_rounds_counts(tmp_path):
    rounds = [[(5, 10, 5)], [(5, 60, 20)], [(5, 5, 5)]]
    assert results(tmp_path, rounds).ratio("maitred-8x1", 0.7, "p90") == 2
    assert results(tmp_path, rounds).value("maitred-8x1", 0.7, "p90") == 10


def test_two_servers_are_compared_on_each_trace_and_not_by_their_medians(tmp_path):
    found = results(tmp_path, [[(5, 6, 1)], [(5, 2, 1)], [(5, 4, 1)]], peers=("ours", "theirs"))
    for number, milliseconds in enumerate([5, 3, 1]):
        path = tmp_path / f"{number}.theirs"
        path.write_text(f"0 0 {milliseconds * 1000}\n")
        found.runs["theirs", 0.7, number]["times"] = str(path)
    # Ratios are 6, 2, 4 and 5, 3, 1: differences 1, -1, 3, where the medians differ by 4 - 3.
    assert found.more("ours", "theirs", 0.7, "p90") == 1
    assert found.over("ours", "theirs", 0.7, "p90") == 1.2


def test_the_optimum_of_measured_occupancies_is_shown_where_there_is_one(tmp_path):
    found = results(tmp_path, [[(5, 10, 5)]], peers=("maitred-8x1", "unicorn"))
    del found.runs["unicorn", 0.7, 0]["measured_optimum"]
    both, measured_only = report.tables(found)
    assert "unicorn" in both and "unicorn" not in measured_only
    assert measured_only.splitlines()[-1].split("|")[2].strip() == "5.00 (2.00)"


def test_paired_servers_are_up_together_and_the_order_turns_around():
    def peer(name, paired):
        return Peer(name, None, False, 8, "a server", paired)

    chosen = [peer("a", True), peer("b", False), peer("c", True), peer("d", False)]
    names = [[[it.name for it in group] for group in run.groups_of(chosen, n)] for n in (0, 1)]
    assert names == [[["a", "c"], ["b"], ["d"]], [["d"], ["b"], ["c", "a"]]]
    assert run.groups_of(chosen[1:2], 0) == [chosen[1:2]]


def test_more_processes_out_of_band_than_may_be_fail_the_run(tmp_path):
    found = results(tmp_path, [[(5, 6, 5)]], peers=("maitred-oob-on", "maitred-oob-off"))
    told = found.runs["maitred-oob-on", 0.7, 0]["oob"]
    told["at_once"] = 1
    assert report.oob_verdicts(found)[1]
    told["at_once"] = 2
    text, kept = report.oob_verdicts(found)
    assert not kept and text.endswith("NOT KEPT")


def test_the_farthest_percentile_is_of_all_rounds_together(tmp_path):
    rounds = [[(5, 10, 5)], [(5, 60, 20)], [(5, 5, 5)]]
    assert results(tmp_path, rounds).ratio("maitred-8x1", 0.7, "p99.9") == 3


def test_only_requests_that_count_are_in_the_figures(tmp_path):
    found = results(tmp_path, [[(10, 12, 10), (2000, 2001, 2000)]], only=10_000)
    assert found.latencies("maitred-8x1", 0.7, 0) == [12_000]


def test_a_budget_that_is_not_kept_is_told_and_fails(tmp_path):
    kept_text, kept = report.verdicts(results(tmp_path, [[(5, 50, 49)]]))
    assert kept and kept_text.endswith("kept")
    text, kept = report.verdicts(results(tmp_path, [[(5, 50, 30)]]))
    assert not kept and text.endswith("NOT KEPT")


def test_the_most_that_were_out_at_once_are_counted():
    assert measured.most_at_once([]) == 0
    assert measured.most_at_once([(0, 2), (2, 4), (5, 6)]) == 1
    assert measured.most_at_once([(0, 10), (1, 3), (2, 4), (3, 5)]) == 3


def test_notes_of_other_times_do_not_count(tmp_path):
    (tmp_path / "1").write_text("0.5 0.7\n10.0 10.2\n")
    (tmp_path / "2").write_text("10.1 10.3\n")
    assert measured.out_of_band(tmp_path, 9, 20) == {"times": 2, "at_once": 2}


def test_occupancies_come_from_the_lines_of_this_run(tmp_path):
    log, trace = tmp_path / "access.log", tmp_path / "trace"
    trace.write_text("0 5000 0\n700 5000 50000\n")

    def line(target, service, deferred):
        told = {"target": target, "service_ms": service, "deferred_ms": deferred}
        return json.dumps(told) + "\n"

    log.write_text(line("/5000/0/0", 99, 99))
    program = SimpleNamespace(stdout=log)
    server = SimpleNamespace(peer=SimpleNamespace(name="maitred"), programs=[program])
    opened = measured.Log(server)
    with open(log, "a", encoding="ascii") as more:
        more.write(line("/0/0/0", 0.1, 0) + line("/5000/50000/1", 5.2, 50.3))
        more.write(line("/5000/0/0", 5.1, 0) + '{"target": "/50')
    path = opened.occupancies(trace, tmp_path / "measured")
    assert path.read_text() == "0 5100 0\n700 5200 50300\n"


def test_a_request_without_a_line_fails_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(measured, "LINES_SECONDS_MAX", 0)
    log, trace = tmp_path / "access.log", tmp_path / "trace"
    log.write_text("")
    trace.write_text("0 5000 0\n")
    program = SimpleNamespace(stdout=log)
    server = SimpleNamespace(peer=SimpleNamespace(name="maitred"), programs=[program])
    with pytest.raises(common.Failed, match="1 requests are not in its access log"):
        measured.Log(server).occupancies(trace, tmp_path / "measured")


def test_a_plot_has_a_line_for_every_server_and_for_the_optimum(tmp_path, monkeypatch):
    monkeypatch.setattr(plot, "shown", lambda path: path.name)
    found = results(tmp_path, [[(5, 10, 5), (5, 20, 6)]], peers=("maitred-8x1", "unicorn"))
    assert plot.draw_all(found, tmp_path) == ["[load 0.7](a-test-0.7.svg)"]
    drawn = (tmp_path / "a-test-0.7.svg").read_text()
    assert drawn.count("<polyline") == 3
    assert all(f">{name}</text>" in drawn for name in ("optimum", "maitred-8x1", "unicorn"))
