"""Annotations of parameters as tests of values, with the words for an error.

An annotation says already what a function takes, so nothing is said twice.
"""

from __future__ import annotations

import functools
import inspect
import math
import os
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias, cast

import numpy as np

from ..errors import ArgumentError, DTypeError, GraphcError
from ..ir.dims import Dim
from ..ir.node import Node

PLACES = {
    "graphc.linalg": "gc.linalg",
    "graphc.nn": "gc.nn",
    "graphc.nn.init": "gc.init",
    "graphc.optim": "gc.optim",
    "graphc.metrics": "gc.metrics",
    "graphc.datasets": "gc.datasets",
    "graphc.random": "gc.random",
    "graphc.sklearn": "gc.sklearn",
    "graphc.special": "gc.special",
}
"""Names under which users know modules; others are public under `gc` itself."""


@dataclass(frozen=True)
class Within:
    """Bounds of a number: `low <= value <= high` and `above < value < below`."""

    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    finite: bool = True
    hint: str | None = None
    """An example for the error."""

    def admits(self, value: float) -> bool:
        """True for a number between the bounds."""
        if abs(value) == math.inf:
            unbounded = value > 0.0 or max(self.low, self.above) == -math.inf
            return unbounded and not self.finite
        return self.low <= value <= self.high and self.above < value < self.below

    def of(self, kind: str) -> str:
        """A number of a kind with the bounds: `"a number >= 0 and < 1"`."""
        ends = {">=": self.low, ">": self.above, "<=": self.high, "<": self.below}
        # An integer of 64 bits is large enough to need no mention.
        shown = [f"{sign} {x:g}" for sign, x in ends.items() if abs(x) < 2**63]
        if self == Within():
            return kind.replace(" ", " finite ")
        return f"{kind} {' and '.join(shown)}".strip()


Seed: TypeAlias = Annotated[int, Within(0)]
"""The seed of a generator of random numbers."""

Count: TypeAlias = Annotated[int, Within(1, below=2**63)]
"""A number of things, at least one."""

Natural: TypeAlias = Annotated[int, Within(0, below=2**63)]
"""A number of things, or 0 for none."""


@dataclass(frozen=True)
class Check:
    """A test of values, and its requirement in words."""

    allows: Callable[[Any], bool]
    required: str
    error: type[GraphcError] = ArgumentError
    convert: Callable[[Any], Any] = lambda value: value
    """A value that is allowed as a plain one of Python's: `np.float32(1)` as `1.0`."""
    hint: str | None = None


ANYTHING = Check(lambda value: True, "anything")


def check_of(annotation: Any) -> Check:
    """The test that an annotation means."""
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _bounded(parts[0], parts[1:])
    if origin is Literal:
        return _one_of(parts)
    if origin in (types.UnionType, typing.Union):
        checks = [check_of(part) for part in parts]
        # Where many kinds are allowed, the function's own error says more.
        if ANYTHING in checks or len(checks) > _MOST:
            return ANYTHING
        return functools.reduce(_either, checks)
    if origin is tuple:
        return _tuple_of(parts)
    if origin is not None:
        return _generic(origin, parts)
    if isinstance(annotation, type) and annotation not in _ANYTHING:
        return _instance_of(annotation)
    return ANYTHING


_MOST = 3
"""The most kinds of values that an annotation may name to be checked."""

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


_NONE = Check(_is_none, "None")
_PATH = Check(_is_path, "a path without null bytes")

_SIMPLE: dict[Any, Check] = {
    bool: Check(lambda value: isinstance(value, bool | np.bool_), "True or False"),
    int: Check(_is_whole, "an integer", convert=int),
    float: Check(_is_number, "a number", convert=float),
    str: Check(lambda value: isinstance(value, str), "a string"),
    Node: Check(lambda value: isinstance(value, Node), "a node", DTypeError),
    None: _NONE,
    type(None): _NONE,
    str | os.PathLike[str]: _PATH,
    str | os.PathLike[str] | None: Check(
        lambda value: value is None or _is_path(value), f"{_PATH.required}, or None"
    ),
}


def _bounded(annotation: Any, bounds: Sequence[Any]) -> Check:
    inner = check_of(annotation)
    bound = next((each for each in bounds if isinstance(each, Within)), None)
    if bound is None:
        return inner

    def allows(value: Any) -> bool:
        return inner.allows(value) and bound.admits(value)

    return replace(
        inner,
        allows=allows,
        required=bound.of(inner.required),
        hint=bound.hint,
    )


def _one_of(choices: Sequence[Any]) -> Check:
    listed = ", ".join(f'"{c}"' if isinstance(c, str) else repr(c) for c in choices)
    # By type as well, because False == 0, and an array compares elementwise.
    return Check(
        lambda value: any(type(value) is type(c) and value == c for c in choices),
        f"one of {listed}" if len(choices) > 1 else listed,
    )


def _either(one: Check, other: Check) -> Check:
    return Check(
        lambda value: one.allows(value) or other.allows(value),
        f"{one.required} or {other.required}",
        one.error,
        lambda value: (one if one.allows(value) else other).convert(value),
        one.hint,
    )


def _tuple_of(parts: Sequence[Any]) -> Check:
    if len(parts) == 2 and parts[1] is Ellipsis:
        return _sequence_of(parts[0], list | tuple)
    checks = [check_of(part) for part in parts]

    def allows(value: Any) -> bool:
        if not isinstance(value, tuple | list):
            return False
        items = cast("Sequence[Any]", value)
        return len(items) == len(checks) and all(
            check.allows(item) for check, item in zip(checks, items, strict=True)
        )

    def convert(value: Any) -> Any:
        pairs = zip(checks, value, strict=True)
        return tuple(check.convert(item) for check, item in pairs)

    kinds = dict.fromkeys(check.required for check in checks)
    inside = " and ".join(check.required for check in checks)
    if len(kinds) == 1:
        inside = f"{len(checks)} {_plural(*kinds)}"
    return Check(allows, f"a tuple of {inside}", convert=convert)


def _sequence_of(part: Any, container: Any) -> Check:
    inner = check_of(part)

    def allows(value: Any) -> bool:
        if isinstance(value, str | bytes | Node | Mapping):
            return False
        if not isinstance(value, container):
            return False
        if not isinstance(value, Sequence):
            return True  # To look into an iterator would use it up.
        return all(inner.allows(item) for item in cast("Sequence[Any]", value))

    required = f"a list of {_plural(inner.required)}".removesuffix(" of anything")
    return Check(allows, required, inner.error, lambda v: tuple(map(inner.convert, v)))


def _mapping_of(parts: Sequence[Any]) -> Check:
    key, value = (check_of(part) for part in parts)

    def allows(given: Any) -> bool:
        if not isinstance(given, Mapping):
            return False
        items = cast("Mapping[Any, Any]", given).items()
        return all(key.allows(name) and value.allows(item) for name, item in items)

    required = f"a dict from {_plural(key.required)} to {_plural(value.required)}"
    return Check(allows, required.removesuffix(" from anything to anything"))


def _generic(origin: Any, parts: Sequence[Any]) -> Check:
    if origin is Callable:
        return Check(callable, "a function")
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_of(parts)
    if origin in (list, Sequence):
        return _sequence_of(parts[0], Sequence)
    if origin is Iterable:
        return _sequence_of(parts[0], Iterable)
    return _instance_of(origin) if isinstance(origin, type) else ANYTHING


def _instance_of(kind: type) -> Check:
    if getattr(kind, "_is_protocol", False):
        return ANYTHING
    room = ".".join(kind.__module__.split(".")[:2])
    place = PLACES.get(room, "gc") if room.startswith("graphc") else ""
    name = f"{place}.{kind.__name__}".lstrip(".")
    return Check(lambda value: isinstance(value, kind), f"a {name}")


def _plural(what: str) -> str:
    """`a node` as `nodes`."""
    if " or " in what:
        return " or ".join(_plural(part) for part in what.split(" or "))
    article, _, noun = what.partition(" ")
    kind, space, rest = noun.partition(" ")
    return f"{kind}s{space}{rest}" if article in ("a", "an") else what


def or_none(check: Check) -> Check:
    """A check that allows None too."""
    return check if check.allows(None) else _either(check, _NONE)
