"""The environ says what PEP 3333 promises."""

import json

import pytest

ECHO = """
    import json
    def app(environ, start_response):
        plain = {k: v for k, v in environ.items() if isinstance(v, (str, int, float, bool))}
        plain["wsgi.version"] = list(environ["wsgi.version"])
        plain["input"] = type(environ["wsgi.input"]).__name__
        plain["facts"] = [environ["maitred.request"].id, environ["maitred.request"].wait]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(plain).encode()]
"""


@pytest.fixture
def environ(start):
    core = start(ECHO)
    return lambda *args, **options: json.loads(core.get(*args, **options).body)


def test_the_keys_of_a_plain_request(environ):
    got = environ("/a%20b/%C3%A4?x=%20y&z", method="GET", headers=[("host", "example.org")])
    wanted = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/\u00c3\u00a4",
        "QUERY_STRING": "x=%20y&z",
        "RAW_URI": "/a%20b/%C3%A4?x=%20y&z",
        "REQUEST_URI": "/a%20b/%C3%A4?x=%20y&z",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "10.1.2.3",
        "REMOTE_PORT": "4321",
        "HTTP_HOST": "example.org",
        "wsgi.url_scheme": "http",
        "wsgi.version": [1, 0],
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "input": "BytesIO",
        "maitred.request_id": "id-1",
        "maitred.wait": 0.0015,
        "maitred.upstream": 0.0,
        "facts": ["id-1", 0.0015],
    }
    assert {key: got.get(key) for key in wanted} == wanted
    assert "CONTENT_TYPE" not in got and "CONTENT_LENGTH" not in got


def test_what_a_connection_repeats_follows_the_request(environ):
    environ("/")
    other = environ(
        "/", method="PUT", version=10, scheme="https", client="::1", client_port=7, server="::2",
        server_port=9,
    )
    keys = ["REQUEST_METHOD", "SERVER_PROTOCOL", "wsgi.url_scheme", "REMOTE_ADDR"]
    keys += ["REMOTE_PORT", "SERVER_NAME", "SERVER_PORT"]
    assert [other[key] for key in keys] == ["PUT", "HTTP/1.0", "https", "::1", "7", "::2", "9"]
    again = environ("/")
    values = ["GET", "HTTP/1.1", "http", "10.1.2.3", "4321", "127.0.0.1", "8000"]
    assert [again[key] for key in keys] == values


def test_headers_are_joined_and_renamed(environ):
    headers = [
        ("accept", "a"), ("cookie", "x=1"), ("accept", "b"), ("cookie", "y=2"),
        ("content-type", "text/x"), ("x-odd", "\u00e4\u00ff"), ("accept", "c"),
    ]
    for _ in range(2):
        got = environ("/", headers=headers)
        assert got["HTTP_ACCEPT"] == "a,b,c"
        assert got["HTTP_COOKIE"] == "x=1; y=2"
        assert got["CONTENT_TYPE"] == "text/x"
        assert got["HTTP_X_ODD"] == "\u00e4\u00ff"
        assert "HTTP_CONTENT_TYPE" not in got


def test_a_name_with_an_underscore_cannot_pass_for_another(environ):
    got = environ("/", headers=[("x_forwarded_for", "evil"), ("x-forwarded-for", "good")])
    assert got["HTTP_X_FORWARDED_FOR"] == "good"
    got = environ("/", headers=[("x_forwarded_for", "evil")])
    assert "HTTP_X_FORWARDED_FOR" not in got


def test_a_client_that_invents_names_is_served_all_the_same(environ):
    for n in range(0, 600, 100):
        got = environ("/", headers=[(f"x-{n + i}", str(i)) for i in range(100)])
        assert got[f"HTTP_X_{n + 42}"] == "42"
    got = environ("/", headers=[("x-new", "1"), ("x-new", "2")])
    assert got["HTTP_X_NEW"] == "1,2"


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("*", "*", "", "h"),
        ("/%", "/%", "", "h"),
        ("/%4", "/%4", "", "h"),
        ("/%zz%41", "/%zzA", "", "h"),
        ("/?", "/", "", "h"),
        ("/a?b?c", "/a", "b?c", "h"),
        ("/\u00e4", "/\u00e4", "", "h"),
        ("//x//y", "//x//y", "", "h"),
        ("http://other:81/a?b", "/a", "b", "other:81"),
        ("http://other", "/", "", "other"),
        ("http://other?q", "/", "q", "other"),
        ("/a?u=http://x/", "/a", "u=http://x/", "h"),
    ],
)
def test_targets_of_every_form(environ, target, path, query, host):
    got = environ(target, headers=[("host", "h")])
    assert (got["PATH_INFO"], got["QUERY_STRING"], got["HTTP_HOST"]) == (path, query, host)
    assert got["RAW_URI"] == target


@pytest.mark.parametrize(
    ("host", "scheme", "name", "port"),
    [
        ("example.org", "http", "example.org", "80"),
        ("example.org", "https", "example.org", "443"),
        ("example.org:81", "http", "example.org", "81"),
        ("[::1]:82", "http", "[::1]", "82"),
        (None, "http", "localhost", "80"),
    ],
)
def test_over_a_unix_socket_the_host_names_the_server(environ, host, scheme, name, port):
    headers = [] if host is None else [("host", host)]
    options = {"server": "/run/x.sock", "server_port": 0, "client": "", "client_port": 0}
    got = environ("/", headers=headers, scheme=scheme, **options)
    assert (got["SERVER_NAME"], got["SERVER_PORT"]) == (name, port)
    assert got["REMOTE_ADDR"] == ""
    assert "REMOTE_PORT" not in got


def test_slots_say_whether_there_are_threads(start):
    core = start(ECHO, slots=2)
    assert json.loads(core.get("/").body)["wsgi.multithread"] is True


def test_wsgiref_validate_finds_nothing_to_object_to(start):
    core = start("""
        from wsgiref.validate import validator
        def inner(environ, start_response):
            body = environ["wsgi.input"].read(1000)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return iter([b"got ", body])
        app = validator(inner)
    """)
    assert core.get("/x?y", method="POST", body=b"abc").body == b"got abc"
    stream = core.request("/x", method="POST", body=None)
    core.send(0x11, stream, b"def", 0x01)
    assert core.answer(stream).body == b"got def"
    assert core.get("/", method="HEAD").status == 200
    assert core.stderr() == ""
