"""A default number of processes heeds the memory; a number that is written is meant."""


def default_of_four(prepare, **settings):
    """A core that would start four processes, whatever the machine: two slots are too few."""
    return prepare().start("--slots=1", **settings)


def test_where_there_is_room_all_processes_of_a_default_are_started(prepare):
    core = default_of_four(prepare, memory="1TiB").ready(4)
    assert core.get("/").status == 200
    assert "70 %" not in core.log()


def test_where_there_is_none_a_default_is_one_process_and_the_log_says_why(prepare):
    core = default_of_four(prepare, memory="1MiB").ready(1)
    core.says("would pass 70 % of 1 MiB: 1 instead")
    assert len(core.app_pids()) == 1
    assert core.get("/").status == 200


def test_a_number_that_is_written_is_meant(prepare):
    core = prepare().start("--processes=3", memory="1MiB").ready(3)
    assert "70 %" not in core.log()
