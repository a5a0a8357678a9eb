"""When no process can ever boot, those who wait are told at once and the core ends."""

from concurrent.futures import ThreadPoolExecutor


def test_clients_that_wait_for_an_app_that_never_boots_get_503(prepare):
    core = prepare("broken:app").start("--processes=1")
    core.says("listening")
    with ThreadPoolExecutor(5) as clients:
        answers = list(clients.map(lambda _: core.get("/"), range(5)))
    assert {answer.status for answer in answers} == {503}
    assert {answer.headers["X-Maitred-Reason"] for answer in answers} == {"draining"}
    assert core.wait() == 1
