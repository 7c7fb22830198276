"""Checks of what users pass to public functions and classes, all in one place.

Every public name of a package is wrapped where it is exported, by `public`, so that
calls between graphc's own modules, of which a graph of some thousand nodes makes very
many, cost nothing. A wrapped call

* holds arguments against the annotations of their parameters, and says which one does
  not fit, before anything is done;
* says what is missing or unknown where a call does not fit the signature;
* adds the user's line to an error that does not know it yet;
* and turns an exception that nobody foresaw into an `InternalError`.

What users' own functions raise is theirs and passes through.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import os
import reprlib
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn, TypeAlias, cast

import numpy as np

from .errors import ArgumentError, DTypeError, GraphcError, InternalError
from .ir.dims import Dim
from .ir.node import Node
from .ir.origin import user_location

__all__ = ["SYNONYMS", "AtLeast", "Count", "Seed", "public", "shown"]

_Function: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class AtLeast:
    """A bound of a number, as metadata of its annotation."""

    low: int


Seed: TypeAlias = Annotated[int, AtLeast(0)]
"""What starts a generator of random numbers."""

Count: TypeAlias = Annotated[int, AtLeast(1)]
"""How many there are of something of which there is at least one."""

SYNONYMS: Mapping[str, str] = {}
"""What other libraries call an argument, and what it is called here."""


def public(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Check the arguments of these functions and classes of a module from now on.

    Args:
        namespace: the module's variables, in which functions are replaced; classes
            stay and get other methods.
        names: what is public of it.
    """
    module = str(namespace["__name__"])
    place = _PLACES.get(module, "gc")
    for name in names:
        value = namespace.get(name)
        if inspect.isclass(value):
            _check_methods(value, f"{place}.{name}")
        elif inspect.isfunction(value) and not _is_checked(value):
            wrapped = _checked(value, f"{place}.{name}")
            # So that it can be pickled, by the name under which it is found.
            wrapped.__module__, wrapped.__qualname__ = module, name
            namespace[name] = wrapped


_PLACES = {
    "graphc.nn": "gc.nn",
    "graphc.nn.init": "gc.init",
    "graphc.optim": "gc.optim",
    "graphc.metrics": "gc.metrics",
    "graphc.datasets": "gc.datasets",
}
"""How users call modules; what others declare is public under `gc` itself."""

_CALLED = ("__init__", "__call__", "__setitem__")
"""What of a class is called by users besides methods without an underscore."""

_UNCHECKED = frozenset({(Node, "__init__")})
"""Not called by users, and very often by graphc."""


def _check_methods(owner: type, place: str) -> None:
    for name, member in list(vars(owner).items()):
        public_name = not name.startswith("_") or name in _CALLED
        if not public_name or _is_checked(member) or (owner, name) in _UNCHECKED:
            continue
        label = place if name == "__init__" else f"{place}.{name}"
        if inspect.isfunction(member):
            setattr(owner, name, _checked(member, label, owner))
        elif isinstance(member, classmethod | staticmethod):
            bound: Any = cast("Any", member)
            setattr(owner, name, type(bound)(_checked(bound.__func__, label, owner)))


def _is_checked(function: object) -> bool:
    return hasattr(function, "__graphc_checked__")


def _checked(function: _Function, label: str, owner: type | None = None) -> _Function:
    """A function that checks its arguments and then does what `function` does."""
    positions: _Positions | None = None
    names: dict[str, _Check] = {}

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        nonlocal positions, names
        if positions is None:
            positions, names = _checks_of(function, owner)
        try:
            for position, name, check in positions:
                if position >= len(arguments):
                    break
                if not check.allows(arguments[position]):
                    _refuse(name, check, arguments[position], label)
            for name in keywords:
                if name in names and not names[name].allows(keywords[name]):
                    _refuse(name, names[name], keywords[name], label)
            return function(*arguments, **keywords)
        except GraphcError as error:
            if error.location is None:
                location = user_location()
                error.locate(location=None if location is None else str(location))
            raise
        except Exception as error:
            replacement = _replacement(error, function, label, arguments, keywords)
            if replacement is None:
                raise
            raise replacement from replacement.__cause__

    vars(call)["__graphc_checked__"] = True
    return call


# What annotations allow


@dataclass(frozen=True)
class _Check:
    """What an annotation allows, as a test and in words."""

    allows: Callable[[Any], bool]
    required: str
    error: type[GraphcError] = ArgumentError


_Positions: TypeAlias = tuple[tuple[int, str, _Check], ...]
"""Checks of arguments by position, with the names of their parameters."""


def _checks_of(
    function: _Function, owner: type | None
) -> tuple[_Positions, dict[str, _Check]]:
    """The checks of arguments by position and by name."""
    if function.__name__ == "__init__" and hasattr(owner, "__post_init__"):
        return (), {}  # It knows its fields better than annotations do.
    namespace = _namespace(function, owner)
    positions: list[tuple[int, str, _Check]] = []
    names: dict[str, _Check] = {}
    parameters = inspect.signature(function).parameters.values()
    for position, parameter in enumerate(parameters):
        check = _check_of(_resolved(parameter.annotation, namespace))
        # A name has to be more than a string, and `check_name` says all of it.
        if check is None or parameter.kind in _STARRED or parameter.name == "name":
            continue
        if parameter.default is None and not check.allows(None):
            check = _either(check, _NONE)
        if parameter.kind is not parameter.KEYWORD_ONLY:
            positions.append((position, parameter.name, check))
        if parameter.kind is not parameter.POSITIONAL_ONLY:
            names[parameter.name] = check
    return tuple(positions), names


_STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _namespace(function: _Function, owner: type | None) -> dict[str, Any]:
    """Where the names in annotations are found; a generated method has no module."""
    found: dict[str, Any] = {}
    for base in reversed(owner.__mro__ if owner is not None else ()):
        found |= vars(sys.modules[base.__module__])
    return found | getattr(inspect.unwrap(function), "__globals__", {})


def _resolved(annotation: Any, namespace: dict[str, Any]) -> Any:
    """An annotation as a type; Any where only type checkers know it."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, namespace)
    except NameError:
        return Any


def _check_of(annotation: Any) -> _Check | None:
    """What an annotation allows; None where that is everything."""
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _bounded(parts[0], parts[1:])
    if origin is Literal:
        return _one_of(parts)
    if origin in (types.UnionType, typing.Union):
        checks = [_check_of(part) for part in parts]
        known = [check for check in checks if check is not None]
        # Of what may be many things, a function itself can say more.
        if len(known) < len(checks) or len(checks) > _MOST:
            return None
        return functools.reduce(_either, known)
    if origin is tuple:
        return _tuple_of(parts)
    if origin is not None:
        return _generic(origin, parts)
    if isinstance(annotation, type) and annotation not in _ANYTHING:
        return _instance_of(annotation)
    return None


_MOST = 3
"""How many kinds of values an annotation may name to be checked."""

_ANYTHING: tuple[Any, ...] = (Any, object, inspect.Parameter.empty)


def _is_whole(value: Any) -> bool:
    if isinstance(value, bool | Node | Dim):
        return False
    return isinstance(value, int | np.integer) or _is_scalar_array(value, "iu")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_ | Node | Dim):
        return False
    if isinstance(value, int):
        return abs(value) <= sys.float_info.max
    numbers = float | np.integer | np.floating
    return isinstance(value, numbers) or _is_scalar_array(value, "iuf")


def _is_scalar_array(value: Any, kinds: str) -> bool:
    if not isinstance(value, np.ndarray):
        return False
    array = cast("np.ndarray[Any, Any]", value)
    return array.dtype.kind in kinds and not array.shape


def _is_path(value: Any) -> bool:
    if not isinstance(value, str | os.PathLike):
        return False
    return "\0" not in os.fsdecode(os.fspath(cast("str", value)))


def _is_none(value: Any) -> bool:
    return value is None


_NONE = _Check(_is_none, "None")
_PATH = _Check(_is_path, "a path without null bytes")

_SIMPLE: dict[Any, _Check] = {
    bool: _Check(lambda value: isinstance(value, bool | np.bool_), "True or False"),
    int: _Check(_is_whole, "an integer"),
    float: _Check(_is_number, "a number"),
    str: _Check(lambda value: isinstance(value, str), "a string"),
    Node: _Check(lambda value: isinstance(value, Node), "a node", DTypeError),
    None: _NONE,
    type(None): _NONE,
    str | os.PathLike[str]: _PATH,
    str | os.PathLike[str] | None: _Check(
        lambda value: value is None or _is_path(value), f"{_PATH.required}, or None"
    ),
}


def _bounded(annotation: Any, bounds: Sequence[Any]) -> _Check | None:
    inner = _check_of(annotation)
    bound = next((each for each in bounds if isinstance(each, AtLeast)), None)
    if inner is None or bound is None:
        return inner
    return _Check(
        lambda value: inner.allows(value) and value >= bound.low,
        f"{inner.required} of at least {bound.low}",
    )


def _one_of(choices: Sequence[Any]) -> _Check:
    listed = ", ".join(f'"{c}"' if isinstance(c, str) else repr(c) for c in choices)
    # By type as well, because False == 0, and an array compares elementwise.
    return _Check(
        lambda value: any(type(value) is type(c) and value == c for c in choices),
        f"one of {listed}" if len(choices) > 1 else listed,
    )


def _either(one: _Check, other: _Check) -> _Check:
    return _Check(
        lambda value: one.allows(value) or other.allows(value),
        f"{one.required} or {other.required}",
        one.error,
    )


def _tuple_of(parts: Sequence[Any]) -> _Check:
    if len(parts) == 2 and parts[1] is Ellipsis:
        return _sequence_of(parts[0], list | tuple)
    checks = [_check_of(part) for part in parts]

    def allows(value: Any) -> bool:
        if not isinstance(value, tuple | list):
            return False
        items = cast("Sequence[Any]", value)
        return len(items) == len(checks) and all(
            check is None or check.allows(item)
            for check, item in zip(checks, items, strict=True)
        )

    kinds = {"one thing" if c is None else c.required for c in checks}
    inside = " and ".join(
        "anything" if check is None else check.required for check in checks
    )
    if len(kinds) == 1:
        inside = f"{len(checks)} {_plural(kinds.pop())}"
    return _Check(allows, f"a tuple of {inside}")


def _sequence_of(part: Any, container: Any, what: str = "a list") -> _Check:
    inner = _check_of(part)

    def allows(value: Any) -> bool:
        if isinstance(value, str | bytes | Node | Mapping):
            return False
        if not isinstance(value, container):
            return False
        if inner is None or not isinstance(value, list | tuple):
            return True  # To look into an iterator would use it up.
        return all(inner.allows(item) for item in cast("Sequence[Any]", value))

    error = ArgumentError if inner is None else inner.error
    of = "" if inner is None else f" of {_plural(inner.required)}"
    return _Check(allows, what + of, error)


def _mapping_of(parts: Sequence[Any]) -> _Check:
    key, value = (_check_of(part) for part in parts)

    def allows(given: Any) -> bool:
        if not isinstance(given, Mapping):
            return False
        items = cast("Mapping[Any, Any]", given).items()
        return all(
            (key is None or key.allows(name)) and (value is None or value.allows(item))
            for name, item in items
        )

    inside = "" if key is None else f" from {_plural(key.required)}"
    inside += "" if value is None else f" to {_plural(value.required)}"
    return _Check(allows, "a dict" + inside)


def _generic(origin: Any, parts: Sequence[Any]) -> _Check | None:
    if origin is Callable:
        return _Check(callable, "a function")
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_of(parts)
    if origin in (list, Sequence):
        return _sequence_of(parts[0], Sequence)
    if origin is Iterable:
        return _sequence_of(parts[0], Iterable)
    return _instance_of(origin) if isinstance(origin, type) else None


def _instance_of(kind: type) -> _Check | None:
    if getattr(kind, "_is_protocol", False):
        return None
    room = ".".join(kind.__module__.split(".")[:2])
    place = _PLACES.get(room, "gc") if room.startswith("graphc") else ""
    name = f"{place}.{kind.__name__}".lstrip(".")
    return _Check(lambda value: isinstance(value, kind), f"a {name}")


def _plural(what: str) -> str:
    """`a node` as `nodes`."""
    if " or " in what:
        return " or ".join(_plural(part) for part in what.split(" or "))
    article, _, noun = what.partition(" ")
    return f"{noun}s" if article in ("a", "an") and " " not in noun else what


# Errors


def shown(value: object) -> str:
    """A value for an error message: its `repr`, cut where that is long."""
    try:
        return _SHORT.repr(value)
    except Exception:
        # The `repr` of a list that is nested deeply fails, or of a very large integer.
        return f"something of type {type(value).__name__}"


_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = 100
_SHORT.maxlong = 40


def _place() -> str | None:
    location = user_location()
    return None if location is None else str(location)


def _refuse(name: str, check: _Check, value: object, label: str) -> NoReturn:
    raise check.error(
        f"{name} must be {check.required}, got {shown(value)}",
        node=label,
        location=_place(),
        hint=f"{value.__name__}(...)" if isinstance(value, type) else None,
    )


def _replacement(
    error: Exception,
    function: _Function,
    label: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> Exception | None:
    """What to raise in place of an exception of a call; None for itself."""
    if isinstance(error, TypeError):
        problem = _problem_of_call(function, label, arguments, keywords)
        if problem is not None:
            return problem
    # A file that can't be opened is told by the system, best in its own words.
    if isinstance(error, OSError | Warning) or _is_of_user(error):
        return None
    replacement = InternalError(
        f"{label} failed on these arguments: {type(error).__name__}: {error}",
        node=label,
        location=_place(),
        hint="other arguments; if these are right, the fault is graphc's",
    )
    replacement.__cause__ = error
    return replacement


_LIBRARIES = ("graphc", "numpy", "sympy", "mpmath", "networkx", "graphviz", "scipy")


def _is_of_user(error: Exception) -> bool:
    """Whether an exception arose in a function that is the user's."""
    # The first frames are the wrapper's and those of who called it.
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__"))
        root = module.split(".")[0]
        if not root.startswith(_LIBRARIES) and root not in sys.stdlib_module_names:
            return True
        trace = trace.tb_next
    return False


def _problem_of_call(
    function: _Function,
    label: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> ArgumentError | None:
    """The error of a call that does not fit the signature, if it does not."""
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as error:
        parameters = list(signature.parameters.values())
        if parameters and parameters[0].name in ("self", "cls"):
            parameters = parameters[1:]
        names = [p.name for p in parameters if p.kind not in _STARRED]
        takes = f"it takes {', '.join(names)}" if names else "it takes no arguments"
        unknown = [name for name in keywords if name not in names]
        return ArgumentError(
            f"{label}: {error}; {takes}",
            node=label,
            location=_place(),
            hint=_other_name(unknown[0], names) if unknown else None,
        )
    return None


def _other_name(unknown: str, names: Sequence[str]) -> str | None:
    """What an argument that is unknown under a name is probably called."""
    synonym = SYNONYMS.get(unknown)
    if synonym in names:
        return f"{synonym}="
    close = difflib.get_close_matches(unknown, names, 1)
    return f"{close[0]}=" if close else None
