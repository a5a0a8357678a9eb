"""The status can be read with the stock gRPC packages of three languages."""

import shutil
import subprocess
import sys

import grpc
import pytest
from harness.core import ROOT, binary

CLIENTS = ROOT / "examples" / "status-client"


def read_with(core, *command: str) -> None:
    """Runs a client and looks whether it tells what is true."""
    assert core.get("/").status == 200
    done = subprocess.run(
        [*command, str(core.admin_socket())], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert f"{core.name} READINESS_READY" in done.stdout
    assert "slots 2: 0 running, 0 deferred" in done.stdout
    assert "arrived 1, done 1, failed 0" in done.stdout


def test_python(serve):
    read_with(serve(), sys.executable, str(CLIENTS / "python" / "status.py"))


def test_node(serve):
    if not (CLIENTS / "node" / "node_modules").exists():
        pytest.skip("run `make node` first")
    read_with(serve(), "node", str(CLIENTS / "node" / "status.mjs"))


def test_ruby(serve):
    ruby = shutil.which("ruby")
    if not ruby or subprocess.run([ruby, "-e", "require 'grpc'"], capture_output=True).returncode:
        pytest.skip("Debian's ruby-grpc and ruby-grpc-tools are not installed")
    read_with(serve(), ruby, str(CLIENTS / "ruby" / "status.rb"))


def test_watch_tells_again_and_again(serve):
    core = serve()
    watching = subprocess.Popen(
        [str(binary()), "status", "--watch", "--instance", core.name],
        env=core.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        told = (line for line in iter(watching.stdout.readline, "") if "(pid" in line)
        for _ in range(2):
            assert f"(pid {core.pid})" in next(told)
    finally:
        watching.kill()
        watching.wait()


def test_health_and_reflection_are_the_standard_ones(serve):
    core = serve()
    options = [("grpc.default_authority", "localhost")]
    with grpc.insecure_channel(f"unix:{core.admin_socket()}", options) as channel:
        # Messages by hand: field 1 (status) = 1 (SERVING); field 7 (list_services) = "".
        assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"") == b"\x08\x01"
        ask = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        answer = next(iter(ask(iter([b"\x3a\x00"]))))
        assert b"maitred.v1.Status" in answer
