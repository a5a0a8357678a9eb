"""What stands between a client and an app: addresses, proxies, headers, the access log."""

import json
import os
import signal
import socket
import time

import pytest
from harness.until import until

PROXIED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


def environ(core, headers: dict[str, str]) -> dict:
    """What the app sees of a request."""
    return json.loads(core.get("/environ", headers).data)


def test_a_trusted_proxy_tells_who_the_client_is(serve):
    seen = environ(serve(), PROXIED)
    assert seen["REMOTE_ADDR"] == "203.0.113.7"
    assert seen["wsgi.url_scheme"] == "https"


def test_the_word_of_a_stranger_is_passed_on_and_not_acted_upon(serve):
    core = serve(trusted_proxies="192.0.2.0/24")
    for _ in range(2):
        seen = environ(core, PROXIED)
        assert seen["REMOTE_ADDR"] == "127.0.0.1"
        assert seen["wsgi.url_scheme"] == "http"
        assert seen["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"
    core.says("trusted_proxies")
    warnings = [line for line in core.log().splitlines() if "trusted_proxies" in line]
    assert len(warnings) == 1, "said once per peer, with the name of the setting"


def test_an_app_sees_the_server_and_its_own_path(serve):
    core = serve()
    seen = json.loads(core.get("/environ?a=%20b").data)
    assert seen["SERVER_PORT"] == str(core.port)
    assert seen["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert seen["SCRIPT_NAME"] == ""
    assert seen["PATH_INFO"] == "/environ"
    assert seen["QUERY_STRING"] == "a=%20b"
    assert seen["HTTP_HOST"] == f"127.0.0.1:{core.port}"


def test_a_request_has_an_id_that_the_app_sees_too(serve):
    core = serve()
    seen = environ(core, {})
    assert len(seen["HTTP_X_REQUEST_ID"]) >= 16
    assert environ(core, {})["HTTP_X_REQUEST_ID"] != seen["HTTP_X_REQUEST_ID"]


@pytest.mark.parametrize("name", ["X-Request-Start", "X-Queue-Start"])
def test_the_time_in_front_of_the_core_is_passed_on(serve, name):
    core = serve()
    began = f"t={time.time() - 2:.3f}"
    seen = environ(core, {name: began})
    assert seen["HTTP_" + name.upper().replace("-", "_")] == began


def test_server_timing_is_only_told_when_asked_for(serve):
    assert serve().get("/").getheader("Server-Timing") is None
    assert "wait" in serve(server_timing="true").get("/").getheader("Server-Timing")


def test_messages_to_the_core_reach_no_client(serve):
    core = serve()
    assert not [name for name, _ in core.get("/whisper").getheaders() if name.startswith("!~")]


def test_it_listens_on_a_unix_socket(prepare):
    core = prepare()
    path = core.folder / "web.sock"
    core.listen = [f"--listen=unix:{path}"]
    core.start("--processes=1").ready(1)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /environ HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert str(path) in core.status()["listen"][0]


def test_the_port_of_the_platform_is_enough(prepare):
    core = prepare()
    core.listen = []
    core.environ["PORT"] = str(core.port)
    core.environ["WEB_CONCURRENCY"] = "1"
    core.start().ready(1)
    assert core.get("/").status == 200
    assert core.status()["listen"][0].endswith(f"0.0.0.0:{core.port}")
    assert len(core.app_pids()) == 1


def test_the_access_log_has_one_line_per_request_with_its_times(serve):
    core = serve("main:app", "--access-log", "--log-format=json")
    core.get("/whole?kb=2")
    core.get("/close?ms=20")

    def objects() -> list[dict]:
        lines = core.log_path("out").read_text().splitlines()
        return [json.loads(line) for line in lines]

    until(lambda: len(objects()) == 2, "both lines are there")
    first = objects()[0]
    assert (first["method"], first["target"], first["status"]) == ("GET", "/whole?kb=2", 200)
    assert first["bytes"] == 2048
    assert first["wait_ms"] >= 0
    assert first["service_ms"] > 0
    assert first["deferred_ms"] == 0


def test_the_line_of_a_request_that_defers_says_for_how_long(serve):
    core = serve("main:app", "--access-log", "--log-format=json")
    core.get("/close?ms=200")
    until(lambda: core.log_path("out").read_text().endswith("\n"), "the line is there")
    line = json.loads(core.log_path("out").read_text())
    assert line["target"] == "/close?ms=200"
    # It counts from when the core heard of the response's end, which a busy machine puts off.
    assert line["deferred_ms"] >= 100


def test_a_request_whose_process_dies_in_deferred_work_still_has_its_line(serve):
    core = serve("main:app", "--access-log", "--log-format=json")
    core.get("/close?ms=600000")
    os.kill(core.app_pids()[0], signal.SIGKILL)
    until(lambda: core.log_path("out").read_text().endswith("\n"), "the line is there")
    line = json.loads(core.log_path("out").read_text())
    assert (line["status"], line["outcome"], line["deferred_ms"]) == (200, "done", None)


def test_a_client_that_does_not_finish_its_head_is_let_go(serve):
    core = serve(head_timeout="300ms")
    with core.wire() as wire:
        wire.send("GET / HTTP/1.1\r\nHost: te")
        assert wire.rest() == b"" or wire.is_closed()
    assert core.journal() == []


def test_an_idle_connection_is_closed_in_the_end(serve):
    core = serve(keep_alive="300ms")
    with core.wire() as wire:
        assert wire.get("/").response().status == 200
        assert wire.is_closed()
