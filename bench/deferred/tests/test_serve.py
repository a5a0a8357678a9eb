"""What the benchmark promises about the servers that it runs: all are there, none is left."""

import os
import socket
import sys
from pathlib import Path

import common
import peers
import pytest
import serve

SERVER = """
import os, subprocess, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"%d" % os.getpid()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

if sys.argv[2] == "leaves-one-behind":
    subprocess.Popen(["sleep", "600"], start_new_session=True)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch, tmp_path):
    monkeypatch.setattr(common, "OUT", tmp_path)
    monkeypatch.setattr(common, "STOP_SECONDS_MAX", 1)


def peer(manner="", processes=1, command=None):
    """A peer of one small server."""

    def programs(folder, ports):
        port = ports()
        chosen = command or [sys.executable, "-c", SERVER, str(port), manner]
        return [peers.Program("small", chosen, port)]

    return peers.Peer("small", programs, True, processes, "a small server")


def test_a_server_is_stopped_with_all_that_it_started():
    with serve.Running(peer()) as server:
        port, pids = server.port, server.pids
        assert serve.listens(port)
    assert not serve.listens(port)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_servers_that_are_up_together_are_told_apart():
    with serve.Running(peer()) as first, serve.Running(peer()) as second:
        assert first.port != second.port
        assert second.pids == [process.pid for _, process in second.started]
    assert serve.descendants() == []


def test_a_process_that_is_left_behind_fails_the_run_and_is_ended():
    with pytest.raises(common.Failed, match="left 1 processes behind"):
        with serve.Running(peer("leaves-one-behind")):
            pass
    assert serve.descendants() == []


def test_a_server_with_fewer_processes_than_it_should_have_fails_the_run(monkeypatch):
    until = serve.Running.until

    def soon(server, what, condition):
        # Only the processes that never come need not be waited for as long as for a slow start.
        monkeypatch.setattr(common, "START_SECONDS_MAX", 2 if "serve" in what else 30)
        until(server, what, condition)

    monkeypatch.setattr(serve.Running, "until", soon)
    with pytest.raises(common.Failed, match="until 2 processes serve"):
        with serve.Running(peer(processes=2)):
            pass


def test_a_missing_program_fails_the_run():
    with pytest.raises(common.Failed, match="small is missing"):
        with serve.Running(peer(command=["/nowhere/small"])):
            pass


def test_something_that_answers_on_the_port_already_fails_the_run(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(common, "free_port", lambda: taken.getsockname()[1])
        with pytest.raises(common.Failed, match="answers on its port already"):
            with serve.Running(peer()):
                pass
    assert serve.descendants() == []


def test_this_process_is_not_among_its_descendants():
    assert os.getpid() not in serve.descendants()
