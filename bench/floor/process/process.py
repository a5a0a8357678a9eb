"""The floor's app process: loads a WSGI app and gives each slot a thread.

Everything that a request passes through is in the native module `_floor`, whose link to the core
is the standard input of this process.
"""

import argparse
import importlib
import os
import sys
import threading
from wsgiref.util import FileWrapper

import _floor


def base_environ(slots):
    """What every `environ` holds; what maitred's own features tell an app is a constant here."""
    return {
        "SCRIPT_NAME": "",
        "SERVER_SOFTWARE": "floor",
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": slots > 1,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": FileWrapper,
        "maitred.wait": 0.0,
        "maitred.upstream": 0.0,
        "maitred.request_id": "",
        "maitred.request": None,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("app", help="module:object")
    parser.add_argument("--slots", type=int, default=1, help="requests to run at once (1)")
    args = parser.parse_args()
    sys.path.insert(0, os.getcwd())
    module, _, name = args.app.partition(":")
    app = getattr(importlib.import_module(module), name)
    link = _floor.Link()
    threads = [
        threading.Thread(target=link.serve, args=(app, base_environ(args.slots)))
        for _ in range(args.slots)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
