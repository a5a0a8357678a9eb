"""Finding the app that ``module:object`` names."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["AppError", "load"]

DEFAULT_NAMES = ("application", "app")
"""Names that are tried where only a module is named, in this order."""


class AppError(Exception):
    """The app cannot be served. The text says why, in one line for the operator."""


def load(target: str, *, factory: bool = False) -> Callable[..., Any]:
    """Imports an app.

    Args:
        target: ``module:object``, ``module:factory()`` with literal arguments, or only
            ``module``.
        factory: Whether the object is a function that makes the app.

    Returns:
        The WSGI app.

    Raises:
        AppError: If there is no such object, or if it is no WSGI app.
        Exception: Whatever importing the module or making the app raises, as it is.
    """
    module_name, _, expression = target.partition(":")
    if not module_name or target.count(":") > 1:
        raise AppError(f"{target!r} is not of the form module:object")
    module = importlib.import_module(module_name)
    if not expression:
        expression = _default_name(module)
    names, call = _parse(expression)
    found: Any = module
    path = module_name
    for name in names:
        found = _attribute(found, name, path)
        path = f"{path}.{name}"
    if factory and call is None:
        call = ([], {})
    if call is not None:
        if not callable(found):
            raise AppError(f"{path} is {_kind(found)}, not a function that makes an app")
        args, kwargs = call
        found = found(*args, **kwargs)
        path += "()"
    return _checked(found, path)


def _default_name(module: Any) -> str:
    for name in DEFAULT_NAMES:
        if hasattr(module, name):
            return name
    raise AppError(
        f"module {module.__name__} has neither {' nor '.join(DEFAULT_NAMES)}: "
        f"name the app as {module.__name__}:object"
    )


def _parse(expression: str) -> tuple[list[str], tuple[list[Any], dict[str, Any]] | None]:
    """Takes apart a dotted name, or a call of one with literal arguments."""
    try:
        node = ast.parse(expression.strip(), mode="eval").body
        call = None
        if isinstance(node, ast.Call):
            args = [ast.literal_eval(arg) for arg in node.args]
            keywords = [(keyword.arg, keyword.value) for keyword in node.keywords]
            call = args, {str(name): ast.literal_eval(value) for name, value in keywords}
            node = node.func
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            raise SyntaxError
    except (SyntaxError, ValueError):
        raise AppError(
            f"{expression!r} is neither the name of an app nor a call such as create_app()"
        ) from None
    return [node.id, *names], call


def _attribute(parent: Any, name: str, path: str) -> Any:
    try:
        return getattr(parent, name)
    except AttributeError:
        near = difflib.get_close_matches(name, dir(parent), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AppError(f"{path} has no attribute {name!r}{hint}") from None


def _checked(app: Any, path: str) -> Callable[..., Any]:
    if not callable(app):
        raise AppError(f"{path} is {_kind(app)}, which is not callable: it is no WSGI app")
    call = getattr(app, "__call__", None)
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call):
        raise AppError(f"{path} is an ASGI app; this version of maitred serves WSGI apps only")
    return app  # type: ignore[no-any-return]


def _kind(found: Any) -> str:
    return f"of type {type(found).__name__}"
