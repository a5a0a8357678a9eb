"""Wrong usage gets one clear line and exit code 2."""

import os
import socket

import pytest

WRONG = 2
NOT_FOUND = 3


def complaint(core, code: int = WRONG) -> str:
    """The one line that it says before it ends."""
    assert core.wait() == code, core.log()
    lines = [line for line in core.log().splitlines() if line.strip()]
    assert len(lines) == 1, core.log()
    return lines[0]


def test_a_port_in_use_is_named(prepare):
    core = prepare()
    with socket.create_server(("127.0.0.1", core.port)):
        line = complaint(core.start())
    assert str(core.port) in line
    assert "in use" in line


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--prot=80"], "--prot"),
        (["--processes=many"], "many"),
        (["--processes=2..6"], "2..6"),
        (["--config=nothere.toml"], "nothere.toml"),
        (["--chdir=nothere"], "nothere"),
        (["--python=nothere/python"], "nothere/python"),
        (["--request-buffering=perhaps"], "perhaps"),
    ],
)
def test_a_bad_flag_is_named(prepare, args, named):
    assert named in complaint(prepare().start(*args))


def test_an_unknown_setting_is_named_with_its_line_and_its_neighbour(prepare):
    core = prepare()
    file = core.folder / "maitred.toml"
    file.write_text("slots = 2\nproceses = 3\n")
    line = complaint(core.start(f"--config={file}"))
    assert "maitred.toml" in line
    assert "proceses" in line
    assert "processes" in line
    assert "2" in line


def test_a_bad_value_in_a_variable_is_named(prepare):
    line = complaint(prepare().start(queue_max="lots"))
    assert "MAITRED_QUEUE_MAX" in line
    assert "lots" in line


def test_a_folder_without_an_app_is_told(prepare, tmp_path):
    assert str(tmp_path) in complaint(prepare(str(tmp_path)).start())


def test_two_candidates_are_both_listed(prepare, tmp_path):
    for name in ("app.py", "main.py"):
        (tmp_path / name).write_text("def app(environ, start_response): ...\n")
    core = prepare(str(tmp_path)).start()
    assert core.wait() == WRONG
    assert "app:app" in core.log()
    assert "main:app" in core.log()


def test_the_name_of_a_running_instance_is_taken(serve, prepare):
    running = serve()
    second = prepare()
    second.environ["XDG_RUNTIME_DIR"] = running.environ["XDG_RUNTIME_DIR"]
    second.name = running.name
    line = complaint(second.start())
    assert "already running" in line
    assert running.get("/").status == 200
    second.name = "another"


def test_the_socket_of_a_killed_core_does_not_stop_the_next(prepare):
    core = prepare().start("--processes=1").ready(1)
    core.process.kill()
    core.wait()
    core.leaves_nothing()
    core.start("--processes=1").ready(1)
    assert core.get("/").status == 200


def test_status_without_an_instance_says_where_it_looked(prepare):
    core = prepare()
    done = core.command("status")
    assert done.returncode == NOT_FOUND
    assert str(core.folder) in done.stderr


def test_status_finds_the_instance_by_itself(serve):
    core = serve()
    done = core.command("status")
    assert done.returncode == 0, done.stderr
    assert core.name in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert done.stdout.isascii()


def test_help_lists_the_exit_codes(prepare):
    done = prepare().command("serve", "--help")
    assert done.returncode == 0
    for code in ("0", "1", "2", "3"):
        assert f"  {code}  " in done.stdout


def test_the_token_is_not_in_the_apps_environment(serve):
    core = serve(processes=1)
    (pid,) = core.app_pids()
    answer = core.get("/environ")
    assert b"MAITRED_TOKEN" not in answer.data
    assert os.path.exists(f"/proc/{pid}")
