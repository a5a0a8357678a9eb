"""The app that a command line names is found, or its operator is told why not."""

import os
import subprocess
import sys

import pytest
from maitred._load import AppError, load

APP = "def app(environ, start_response): pass\n"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module that can be imported for one test."""
    monkeypatch.syspath_prepend(tmp_path)

    def module(source: str, name: str = "site_of_test") -> None:
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return module


def test_an_object_of_a_module_is_the_app(module):
    module(APP)
    assert load("site_of_test:app").__name__ == "app"


def test_a_module_alone_means_its_usual_names(module):
    module(APP)
    assert load("site_of_test").__name__ == "app"
    module(APP + "def application(environ, start_response): pass\n")
    assert load("site_of_test").__name__ == "application"


def test_an_app_may_be_an_attribute_of_an_attribute(module):
    module("class Site:\n    wsgi = staticmethod(lambda e, s: 'it')\n")
    assert load("site_of_test:Site.wsgi")(None, None) == "it"


@pytest.mark.parametrize("target", ["create_app('a', debug=True)", "site.create_app('a')"])
def test_a_call_makes_the_app(module, target):
    module(
        "def create_app(name, debug=False): return lambda e, s: (name, debug)\n"
        "class site: create_app = staticmethod(lambda name: create_app(name, True))\n"
    )
    assert load(f"site_of_test:{target}")(None, None) == ("a", True)


def test_a_factory_makes_the_app(module):
    module("def create_app(): return lambda e, s: 'made'\n")
    assert load("site_of_test:create_app", factory=True)(None, None) == "made"


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        (APP, "site_of_test:ap", "site_of_test has no attribute 'ap'; did you mean 'app'?"),
        (APP, "site_of_test:zzz", "site_of_test has no attribute 'zzz'"),
        ("x = 1\n", "site_of_test", "neither application nor app"),
        ("app = 'text'\n", "site_of_test:app", "of type str, which is not callable"),
        ("app = 'text'\n", "site_of_test:app()", "not a function that makes an app"),
        ("def make(): pass\n", "site_of_test:make()", "make() is of type NoneType"),
        ("async def app(s, r, t): pass\n", "site_of_test:app", "is an ASGI app"),
        ("class A:\n async def __call__(s): pass\napp = A()\n", "site_of_test:app", "ASGI app"),
        (APP, "site_of_test:app[0]", "neither the name of an app nor a call"),
        (APP, "site_of_test:f(x)", "neither the name of an app nor a call"),
        (APP, "site_of_test:", "did you mean"),
        (APP, ":app", "not of the form module:object"),
        (APP, "a:b:c", "not of the form module:object"),
    ],
)
def test_what_is_no_app_is_told(module, source, target, told):
    module(source)
    if target.endswith(":"):
        assert load(target).__name__ == "app", "an empty name is no name"
        return
    with pytest.raises(AppError) as caught:
        load(target)
    assert told in str(caught.value)


def test_an_error_of_the_module_comes_through_whole(module):
    module("import no_such_module_anywhere\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        load("site_of_test:app")


def run(*arguments: str, env: dict[str, str] | None = None, cwd=None):
    command = [sys.executable, "-m", "maitred", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, timeout=30)


def test_started_by_hand_it_says_what_to_do_instead():
    done = run("app:app")
    assert done.returncode == 2
    assert "maitred serve app:app" in done.stderr


def test_without_the_native_module_everything_but_serving_works():
    without = "import sys; sys.modules['maitred._native'] = None\n"
    code = without + "import maitred; maitred.after_response(print, maitred.active)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("False\n", "", 0)
    code = without + "from maitred.__main__ import main; sys.exit(main(['app:app']))"
    env = {**os.environ, "MAITRED_LINK": "/x", "MAITRED_TOKEN": "y"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 3
    assert "the native module is missing" in done.stderr


def test_wrong_arguments_are_wrong_usage():
    assert run().returncode == 2
    assert run("app:app", "--slots", "many").returncode == 2


def test_an_app_that_does_not_import_shows_its_whole_traceback(start):
    core = start("def broken():\n    import not_there\nbroken()\n", welcome=False)
    assert core.process.wait(10) == 1
    assert 'app.py", line 3, in <module>' in core.stderr()
    assert "No module named 'not_there'" in core.stderr()


def test_a_wrong_attribute_is_one_line_with_the_near_name(start):
    core = start("def application(e, s): pass", app="app:aplication", welcome=False)
    assert core.process.wait(10) == 1
    told = "maitred: app has no attribute 'aplication'; did you mean 'application'?\n"
    assert core.stderr() == told


def test_an_app_that_leaves_while_it_is_loaded_is_a_failed_boot(start):
    core = start("import sys\nsys.exit(0)\n", welcome=False)
    assert core.process.wait(10) == 1
    assert "left while it was loaded" in core.stderr()


def test_credentials_and_arguments_are_gone_before_the_app_is_loaded(start):
    core = start("""
        import os, sys
        seen = [key for key in os.environ if key in ("MAITRED_LINK", "MAITRED_TOKEN")]
        seen += sys.argv[1:]
        def app(environ, start_response):
            start_response("200 OK", [])
            return [repr(seen).encode()]
    """)
    assert core.get("/").body == b"[]"


def test_a_folder_may_be_named(start, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "elsewhere.py").write_text(
        "import os\ndef app(e, s):\n    s('200 OK', [])\n    return [os.getcwd().encode()]\n"
    )
    core = start("", app="elsewhere:app", arguments=["--chdir", str(other)])
    assert core.get("/").body.decode() == str(other)


def test_a_factory_may_be_asked_for(start):
    core = start("""
        def create_app():
            def app(environ, start_response):
                start_response("200 OK", [])
                return [b"made"]
            return app
    """, app="app:create_app", arguments=["--factory"])
    assert core.get("/").body == b"made"
