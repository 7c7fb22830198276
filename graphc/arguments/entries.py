"""Checks of what users pass to public functions and classes, all in one place.

Every public name of a package is wrapped where it is exported, by `public`, so that
calls between graphc's own modules, of which a graph of some thousand nodes makes very
many, cost nothing. A wrapped call

* holds arguments against the annotations of their parameters, and says which one does
  not fit, before anything is done;
* says what is missing or unknown where a call does not fit the signature;
* hides graphc's functions in the traceback of an error that it raises on purpose;
* and turns an exception that nobody foresaw into an `InternalError`.

Exceptions of users' own functions pass through.
"""

from __future__ import annotations

import functools
import inspect
import reprlib
import sys
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NoReturn, TypeAlias, TypeVar, cast

from ..errors import (
    ArgumentError,
    GraphcError,
    InternalError,
    hide_inner_frames,
)
from ..ir.node import Node
from ..ir.source_names import hand_over
from ..locations import frame_above, is_of_library
from . import elsewhere
from .annotations import ANYTHING, PLACES, Check, check_of, or_none
from .names import getattr_of
from .synonyms import name_here

_Function: TypeAlias = Callable[..., Any]
_Class = TypeVar("_Class", bound=type)
_F = TypeVar("_F", bound=_Function)


def public(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Check the arguments of these functions and classes of a module from now on.

    Where they are all its public names, `dir` lists no others, and the error for a
    name that does not exist tells the nearest one.

    Args:
        namespace: the module's variables, in which functions are replaced; classes
            stay and get other methods.
        names: its public names.
    """
    module = str(namespace["__name__"])
    place = PLACES.get(module, "gc")
    if names is namespace.get("__all__"):
        hidden = [name for name in namespace if name.startswith("__")]
        namespace["__dir__"] = lambda: sorted({*names, *hidden})
        namespace["__getattr__"] = getattr_of(module, names)
    for name in names:
        value = namespace.get(name)
        if inspect.isclass(value):
            _check_methods(value, f"{place}.{name}")
        elif inspect.isfunction(value) and not _is_checked(value):
            wrapped = _checked(value, f"{place}.{name}")
            # So that it can be pickled, by the name under which it is found.
            wrapped.__module__, wrapped.__qualname__ = module, name
            namespace[name] = wrapped


def entry(owner: _Class, label: str = "") -> _Class:
    """Decorate a class that is public under `gc` itself: see `public`."""
    _check_methods(owner, label or f"gc.{owner.__name__}")
    return owner


def unchecked_entry(function: _F) -> _F:
    """Decorate a function that users call and that checks its arguments itself.

    Nodes that it returns are told their names, and its errors end at the user's line.
    """

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            result = function(*arguments, **keywords)
        except GraphcError as error:
            hide_inner_frames(error)
            raise
        if type(result) in _HANDED_OVER:
            hand_over(result, frame_above(1))
        return result

    vars(call)["__graphc_checked__"] = True
    return cast("_F", call)


_CALLED = ("__init__", "__call__", "__setitem__")
"""Methods of a class that users call besides those without an underscore."""

_SPECIAL = {
    *("__array__", "__array_function__", "__array_ufunc__", "__bool__"),
    *("__complex__", "__contains__", "__float__", "__getattr__", "__getitem__"),
    *("__index__", "__iter__", "__len__", "__round__", "__abs__", "__eq__"),
    *("__ge__", "__gt__", "__invert__", "__le__", "__lt__", "__ne__", "__neg__"),
    *("__pos__", "__add__", "__and__", "__divmod__", "__floordiv__"),
    *("__lshift__", "__matmul__", "__mod__", "__mul__", "__or__", "__pow__"),
    *("__rshift__", "__sub__", "__truediv__", "__xor__", "__radd__", "__rand__"),
    *("__rdivmod__", "__rfloordiv__", "__rlshift__", "__rmatmul__", "__rmod__"),
    *("__rmul__", "__ror__", "__rpow__", "__rrshift__", "__rsub__"),
    *("__rtruediv__", "__rxor__"),
}
"""Methods that Python and NumPy call for an expression of the user's."""

_UNCHECKED = frozenset({(Node, "__init__"), (Node, "told")})
"""Not called by users, and very often by graphc."""


def _check_methods(owner: type, place: str) -> None:
    if inspect.isabstract(owner) or getattr(owner, "_is_protocol", False):
        cast("Any", owner).__new__ = staticmethod(partial(_new, place))
    ours = [base for base in owner.__mro__ if base.__module__.startswith("graphc.")]
    members = ChainMap(*(dict(vars(each)) for each in ours))
    for name, member in members.items():
        if name in _SPECIAL and inspect.isfunction(member) and not _is_checked(member):
            setattr(owner, name, unchecked_entry(member))
            continue
        public_name = not name.startswith("_") or name in _CALLED
        if not public_name or _is_checked(member) or (owner, name) in _UNCHECKED:
            continue
        label = place if name == "__init__" else f"{place}.{name}"
        if inspect.isfunction(member) and _takes_anything(member):
            setattr(owner, name, unchecked_entry(member))
        elif inspect.isfunction(member):
            setattr(owner, name, _checked(member, label, owner))
        elif isinstance(member, classmethod | staticmethod):
            bound: Any = cast("Any", member)
            setattr(owner, name, type(bound)(_checked(bound.__func__, label, owner)))


def _new(place: str, owner: type, /, *_: Any, **__: Any) -> Any:
    """An instance of a class that is abstract, or of one that inherits from it."""
    if inspect.isabstract(owner) or vars(owner).get("_is_protocol"):
        missing = ", ".join(sorted(getattr(owner, "__abstractmethods__", ())))
        raise ArgumentError(
            f"{owner.__name__} is abstract: classes that inherit from {place} define "
            f"{missing or 'what it describes'}",
            node=place,
        )
    return object.__new__(cast("Any", owner))


def _takes_anything(function: _Function) -> bool:
    """True for a method that is called with feeds alone, which it checks itself."""
    kinds = [p.kind for p in inspect.signature(function).parameters.values()][1:]
    return _STARRED[1] in kinds and all(kind in _STARRED for kind in kinds)


def _is_checked(function: object) -> bool:
    return hasattr(function, "__graphc_checked__")


def _checked(function: _Function, label: str, owner: type | None = None) -> _Function:
    """A function that checks its arguments and then does what `function` does."""
    positions: _Positions | None = None
    names: dict[str, Check] = {}

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
            result = function(*arguments, **keywords)
            if type(result) in _HANDED_OVER:
                hand_over(result, frame_above(1))
            return result
        except GraphcError as error:
            hide_inner_frames(error)
            raise
        except Exception as error:
            replacement = _replacement(error, function, label, arguments, keywords)
            if replacement is None:
                raise
            try:
                raise replacement from replacement.__cause__
            except GraphcError as told:
                hide_inner_frames(told)
                raise

    vars(call)["__graphc_checked__"] = True
    return call


_HANDED_OVER = (Node, tuple, list)

_Positions: TypeAlias = tuple[tuple[int, str, Check], ...]
"""Checks of arguments by position, with the names of their parameters."""


def _checks_of(
    function: _Function, owner: type | None
) -> tuple[_Positions, dict[str, Check]]:
    """The checks of arguments by position and by name."""
    if function.__name__ == "__init__" and hasattr(owner, "__post_init__"):
        return (), {}  # It knows its fields better than annotations do.
    namespace = _namespace(function, owner)
    positions: list[tuple[int, str, Check]] = []
    names: dict[str, Check] = {}
    parameters = inspect.signature(function).parameters.values()
    for position, parameter in enumerate(parameters):
        check = check_of(_resolved(parameter.annotation, namespace))
        # A name has to be more than a string, and `check_name` says all of it.
        if check is ANYTHING or parameter.kind in _STARRED or parameter.name == "name":
            continue
        if parameter.default is None:
            check = or_none(check)
        if parameter.kind is not parameter.KEYWORD_ONLY:
            positions.append((position, parameter.name, check))
        if parameter.kind is not parameter.POSITIONAL_ONLY:
            names[parameter.name] = check
    return tuple(positions), names


_STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _namespace(function: _Function, owner: type | None) -> dict[str, Any]:
    """The names that annotations may use; a generated method has no module."""
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


def _refuse(name: str, check: Check, value: object, label: str) -> NoReturn:
    raise check.error(
        f"{name} must be {check.required}, got {shown(value)}",
        node=label,
        hint=f"{value.__name__}(...)" if isinstance(value, type) else check.hint,
    )


def _replacement(
    error: Exception,
    function: _Function,
    label: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> Exception | None:
    """The error to raise in place of an exception of a call; None for itself."""
    if isinstance(error, TypeError):
        problem = _problem_of_call(function, label, arguments, keywords)
        if problem is not None:
            return problem
    # A file that can't be opened is told by the system, best in its own words.
    if isinstance(error, OSError | Warning) or _is_of_user(error):
        return None
    everything = (*arguments, *keywords.values())
    # A function of the user's that takes other arguments than it is called with.
    names = [getattr(each, "__qualname__", None) for each in everything]
    if isinstance(error, TypeError) and str(error).split("() ")[0] in names:
        return ArgumentError(f"{label} calls a function that does not fit: {error}")
    if isinstance(error, RecursionError) and any(map(_is_nested_deeply, everything)):
        return ArgumentError(
            f"{label} takes lists and dicts of up to {_DEEPEST} levels, got one that "
            "has more or holds itself",
            node=label,
        )
    if isinstance(error, ValueError) and "null byte" in str(error):
        return ArgumentError(f"{label} takes paths without null bytes", node=label)
    replacement = InternalError(
        f"{label} failed on these arguments: {type(error).__name__}: {error}",
        node=label,
        hint="other arguments; if these are right, the fault is graphc's",
    )
    replacement.__cause__ = error
    return replacement


_DEEPEST = 100


def _is_nested_deeply(value: Any) -> bool:
    """True for a value with more levels than `_DEEPEST`, or with no end of them."""
    level = [value]
    for _ in range(_DEEPEST):
        # A thousand of a level are enough to find one that goes deeper.
        level = [inside for each in level for inside in _inside(each)][:1000]
    return bool(level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return cast("Mapping[Any, Any]", value).values()
    return cast("Iterable[Any]", value) if isinstance(value, list | tuple) else ()


def _is_of_user(error: Exception) -> bool:
    """True for an exception that arose in a function of the user's."""
    # The first frames are the wrapper's and those of who called it.
    trace = error.__traceback__
    while trace is not None:
        if not is_of_library(trace.tb_frame):
            return True
        trace = trace.tb_next
    return False


def _problem_of_call(
    function: _Function,
    label: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> ArgumentError | None:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].name in ("self", "cls"):
        signature = signature.replace(parameters=parameters[1:])
        arguments = arguments[1:]
    return problem_of_call(signature, label, arguments, keywords)


def problem_of_call(
    signature: inspect.Signature,
    label: str,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
) -> ArgumentError | None:
    """The error of a call that does not fit the signature, if it does not."""
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as error:
        parameters = list(signature.parameters.values())
        given = {p.name for p in parameters[: len(arguments)]}.union(keywords)
        names = [p.name for p in parameters if p.kind not in _STARRED]
        takes = f"it takes {', '.join(names)}" if names else "it takes no arguments"
        unknown = [name for name in keywords if name not in names]
        free = [name for name in names if name not in given]
        what = f" has no argument {unknown[0]!r}" if unknown else f": {error}"
        hint = _meant(unknown[0], free) if unknown else None
        if names[:1] == ["lr"] and arguments and "lr" in keywords:
            hint = elsewhere.PARAMETERS_OF_OPTIMIZERS
        return ArgumentError(f"{label}{what}; {takes}", node=label, hint=hint)
    return None


def _meant(name: str, free: Iterable[str]) -> str | None:
    """The text to write in place of an argument that there is not."""
    if name in elsewhere.ARGUMENTS:
        return elsewhere.ARGUMENTS[name]
    meant = name_here(name, free)
    return f"{meant}=" if meant else None
