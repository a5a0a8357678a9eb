"""Unmodified Flask and Django projects are served, and the status tells of their requests."""

import http.cookiejar
import re
import subprocess
import sys
import urllib.parse
import urllib.request

from harness.core import ROOT
from harness.load import OK, Load
from harness.until import until

EXAMPLES = ROOT / "examples"


def all_done(core, count: int) -> None:
    """So many requests are done. Their clients may have known before the core did: a body that is
    as long as was declared is whole before its end is told."""
    until(lambda: core.totals()["done"] == count, f"{count} are done")


def prepare_django(core) -> None:
    """Migrates a database of the test's own and creates the user demo."""
    core.environ["DJANGO_DATABASE"] = str(core.folder / "django.sqlite3")
    subprocess.run(
        [sys.executable, "manage.py", "prepare"],
        cwd=EXAMPLES / "django",
        env=core.environ,
        check=True,
    )


def test_a_flask_app_is_found_in_its_folder_and_served(prepare):
    core = prepare(str(EXAMPLES / "flask"))
    core.start("--processes=2").ready(2)
    assert core.get("/").data == b"Hello from Flask\n"
    assert core.get("/nowhere").status == 404
    body = b"0123456789" * 1000
    answer = core.request("POST", "/upload", body, {"Content-Type": "application/x-any"})
    assert answer.data.replace(b" ", b"").strip() == b'{"body":10000}'
    all_done(core, 3)


def test_work_after_a_flask_response_does_not_hold_its_client(serve):
    core = serve("app:app", root=EXAMPLES / "flask")
    assert core.request("POST", "/order").status == 202
    all_done(core, 1)
    core.get("/")
    assert core.totals()["deferred_failed"] == 0


def test_a_django_project_is_found_by_its_manage_py_and_served(prepare):
    core = prepare(str(EXAMPLES / "django"))
    prepare_django(core)
    core.start("--processes=2").ready(2)
    assert core.get("/hello").data == b"Hello from Django\n"
    assert b"Onion soup" in core.get("/").data
    all_done(core, 2)
    pool = core.pool()
    assert pool["name"] == core.name
    assert pool["kind"] == "wsgi"


def test_djangos_admin_can_be_used_by_a_browser(prepare):
    core = prepare(str(EXAMPLES / "django"))
    prepare_django(core)
    core.start("--processes=2").ready(2)
    site = f"http://127.0.0.1:{core.port}"
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(cookies)

    page = browser.open(f"{site}/admin/").read().decode()
    assert "/admin/login/" in page or "Log in" in page
    form = {
        "csrfmiddlewaretoken": re.search('csrfmiddlewaretoken" value="([^"]+)"', page)[1],
        "username": "demo",
        "password": "demo",
        "next": "/admin/",
    }
    login = urllib.request.Request(
        f"{site}/admin/login/", urllib.parse.urlencode(form).encode(), {"Referer": site}
    )
    home = browser.open(login).read().decode()
    assert "Log out" in home

    statics = sorted(set(re.findall('(?:href|src)="(/static/[^"]+)"', home)))
    assert statics
    seen = 0
    while seen < 1000:
        for path in ["/admin/", "/admin/menu/dish/", "/admin/menu/dish/1/change/", *statics]:
            answer = browser.open(site + path)
            assert answer.status == 200
            assert len(answer.read()) > 0
            seen += 1
    all_done(core, core.totals()["arrived"])
    totals = core.totals()
    assert totals["failed"] == totals["refused"] == totals["left"] == 0
    assert totals["done"] >= 1000


def test_django_serves_many_clients_at_once(prepare):
    core = prepare(str(EXAMPLES / "django"))
    prepare_django(core)
    core.start("--processes=2", "--slots=2").ready(2)
    paths = ["/", "/hello", "/static/menu/card.css", "/static/admin/css/base.css"]
    with Load(core.port, lambda n: ("GET", paths[n % 4]), threads=8, requests=400) as load:
        load.join()
    assert load.outcomes() == {OK: 400}
    all_done(core, 400)
