"""``python -m maitred module:app``: one process of an app, as the core starts it."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from maitred import _state

__all__ = ["main"]

EXIT_APP = 1
"""The app could not be loaded, or its slots ended in an error."""
EXIT_USAGE = 2
"""Wrong arguments, or started by hand."""
EXIT_LINK = 3
"""The core could not be reached, rejected this process, or broke the protocol."""

HELP = """\
Runs one process of a WSGI app. The core starts it: to serve an app, run `maitred serve`.

exit status:
  0  left when the core asked for it, or when the core was gone
  1  the app could not be loaded
  2  wrong usage
  3  no link to the core, or a broken one
"""

BY_HAND = """\
maitred: this is how the core starts the processes of an app, not how you do.
To serve the app, run:  maitred serve {app}
"""


def main(argv: list[str] | None = None) -> int:
    """Runs one process of an app.

    Args:
        argv: The arguments after the program's name; those of the process where None.

    Returns:
        The exit status, see `HELP`.
    """
    options = _parse(argv)
    link, token = os.environ.pop("MAITRED_LINK", ""), os.environ.pop("MAITRED_TOKEN", "")
    if not link or not token:
        sys.stderr.write(BY_HAND.format(app=options.app))
        return EXIT_USAGE
    try:
        from maitred._serve import serve
    except ImportError as error:
        print(f"maitred: the native module is missing: {error}", file=sys.stderr)
        return EXIT_LINK
    _state.set_starting()
    _enter(options.chdir)
    # What the app sees of its command line is its own, not ours.
    sys.argv = sys.argv[:1]
    app = _load(options.app, options.factory)
    if app is None:
        return EXIT_APP
    try:
        ending = serve(app, link, token, options.slots)
    except (ConnectionError, ValueError) as error:
        print(f"maitred: {error}", file=sys.stderr)
        return EXIT_LINK
    if ending not in ("drained", "core gone"):
        print(f"maitred: the core broke the link protocol: {ending}", file=sys.stderr)
        return EXIT_LINK
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m maitred",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("app", help="module:object, or module:create_app()")
    parser.add_argument(
        "--slots", type=int, default=1, metavar="N", help="requests to run at once (default 1)"
    )
    parser.add_argument(
        "--factory", action="store_true", help="the object is a function that makes the app"
    )
    parser.add_argument("--chdir", metavar="DIR", help="where to run; importable from there")
    return parser.parse_args(argv)


def _enter(directory: str | None) -> None:
    """Makes modules importable from where the app lives, as other servers do."""
    if directory:
        try:
            os.chdir(directory)
        except OSError as error:
            sys.exit(f"maitred: cannot change to {directory}: {error.strerror}")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)


def _load(target: str, factory: bool) -> Callable[..., Any] | None:
    from maitred._load import AppError, load

    try:
        return load(target, factory=factory)
    except AppError as error:
        print(f"maitred: {error}", file=sys.stderr)
    except SystemExit as error:
        print(f"maitred: the app left while it was loaded: {error.code!r}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        print(f"maitred: cannot load {target} (in {os.getcwd()})", file=sys.stderr)
    return None


if __name__ == "__main__":
    sys.exit(main())
