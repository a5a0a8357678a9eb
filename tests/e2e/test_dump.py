"""What a core did lately is written to a file that holds no secrets."""

SECRET = "not-for-the-recorder"


def test_a_dump_is_written_while_the_core_serves_on(serve):
    core = serve()
    file = core.folder / "core.rec"
    done = core.command("dump", str(file), "--instance", core.name)
    assert done.returncode == 0, done.stderr
    assert file.read_bytes().startswith(b"maitred\n")
    assert f"{file}: {file.stat().st_size} bytes" in done.stdout
    assert file.stat().st_mode & 0o077 == 0
    assert core.get("/").status == 200


def test_a_dump_grows_with_what_happened(serve):
    core = serve()
    sizes = []
    for _ in range(2):
        file = core.folder / "core.rec"
        assert core.command("dump", str(file)).returncode == 0
        sizes.append(file.stat().st_size)
        for _ in range(20):
            core.get("/")
    assert sizes[1] > sizes[0] + 20 * 10, sizes


def test_a_dump_goes_to_a_pipe(serve):
    core = serve()
    done = core.command("dump", "-")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("maitred\n")


def test_a_dump_holds_nothing_that_clients_sent(serve):
    core = serve()
    headers = {"Cookie": SECRET, "Authorization": SECRET, "X-Request-Id": SECRET}
    core.request("POST", f"/count?{SECRET}", body=SECRET.encode(), headers=headers)
    core.get(f"/{SECRET}", headers=headers)
    file = core.folder / "core.rec"
    assert core.command("dump", str(file)).returncode == 0
    assert SECRET.encode() not in file.read_bytes()


def test_a_dump_of_nobody_is_exit_code_3(prepare):
    assert prepare().command("dump", "core.rec").returncode == 3


def test_a_dump_without_a_file_is_wrong_usage(prepare):
    done = prepare().command("dump")
    assert done.returncode == 2
    assert "FILE" in done.stderr


def test_a_dump_that_cannot_be_written_is_told_and_leaves_nothing(serve):
    core = serve()
    folder = core.folder / "full"
    folder.mkdir()
    done = core.command("dump", str(folder / "no" / "such.rec"))
    assert done.returncode == 1
    assert "cannot write" in done.stderr and "such.rec" in done.stderr
    done = core.command("dump", str(folder))
    assert done.returncode == 1
    assert list(folder.iterdir()) == []
    assert [path for path in core.folder.iterdir() if path.name.startswith(".maitred")] == []
