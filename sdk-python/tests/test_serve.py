"""A process serves an app from its first request to its last."""

HELLO = """
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello " + environ["PATH_INFO"].encode()]
"""


def test_a_bare_list_is_one_response_whose_last_frame_says_ready(start):
    core = start(HELLO)
    answer = core.get("/world")
    assert (answer.status, answer.body) == (200, b"hello /world")
    assert answer.header("content-length") == "12"
    assert answer.frames == ["response", "body+end+ready"]


def test_requests_are_served_one_after_the_other(start):
    core = start(HELLO)
    bodies = [core.get(f"/{n}").body for n in range(50)]
    assert bodies == [f"hello /{n}".encode() for n in range(50)]


def test_a_process_leaves_when_it_was_drained_and_the_link_closes(start):
    core = start(HELLO)
    last = core.request("/")
    core.answer(last)
    assert core.drain_and_wait() == 0
    assert core.goodbye == last
    assert core.stderr() == ""
