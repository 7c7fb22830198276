"""Wrong calls of everything public raise errors of graphc, or give a value."""

from __future__ import annotations

import inspect
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError, InternalError

X = gc.input("x", ("n", 3))
LABELS = gc.input("i", ("n",), "int64")
W = gc.parameter("w", (3,), [1.0, 2.0, 3.0])
LOSS = gc.mean((X @ W) ** 2)
TRAINER = gc.Trainer(LOSS, gc.optim.SGD(lr=0.1), outputs=X @ W)
FUNCTION = gc.compile({"double": 2 * X, "sum": gc.sum(W)})
HISTORY = TRAINER.fit({"x": np.zeros((4, 3), "f4")}, epochs=1, verbose=False)


def _nested(value: Any) -> Any:
    for _ in range(3000):
        value = [value]
    return value


_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)

VALUES: list[Any] = [
    *(None, "x", "a b", "", b"x", "a\0b", 0, -1, 3, 2**64, 10**400, 0.5, 1e308),
    *(float("nan"), float("inf"), 1j, True, X, LABELS, W, LOSS, [X], [X, 1], (W, "w")),
    *({"a": X}, {W: W}, {X: 1}, {"x": None}, [], (), {}, [[1, 2], [3]], [None]),
    *((2, 3), (-1,), ("n",), _nested(1), _nested(X), _CYCLE, object(), object),
    *(lambda *_: None, lambda c: X, np, "float32", "complex64", np.dtype("U3")),
    *(np.zeros(3), np.zeros((0, 2)), np.array(["a"]), np.array([None]), np.int8(-1)),
    *(gc.Dim("n"), gc.Dim("m") * 2, ..., slice(0, 2), range(3), {1, 2}, TRAINER),
    *(gc.optim.Adam, gc.optim.SGD(lr=0.1), gc.init.zeros(), gc.nn.Linear(2, 2)),
    *(FUNCTION, HISTORY, np.datetime64("2020-01-01"), memoryview(b"ab"), "missing.npz"),
]

ROOMS = (
    *(gc, gc.nn, gc.linalg, gc.random, gc.optim, gc.init, gc.metrics),
    gc.datasets,
)
UNTRIED = {
    # Made by graphc alone, or a type alias.
    *("Node", "FanMode"),
    *("Average", "PlateauState", "StopTraining", "Split"),
    # Read files that may be on this machine, or ask for them.
    *("digits", "mnist", "fashion_mnist"),
}
OBJECTS = {
    "node": X,
    "scalar": LOSS,
    "trainer": TRAINER,
    "history": HISTORY,
    "footprint": TRAINER.footprint,
    "linear": gc.nn.Linear(3, 2),
    "sequential": gc.nn.Sequential(gc.nn.Linear(3, 2)),
    "drawing": gc.render(LOSS),
}
BINARY = ("add", "radd", "sub", "mul", "truediv", "pow", "rpow", "matmul", "and", "eq")


def _entries() -> Iterator[tuple[str, Callable[..., Any]]]:
    for room in ROOMS:
        for name in room.__all__:
            value = getattr(room, name)
            if callable(value) and name not in UNTRIED:
                yield f"{room.__name__}.{name}", value
    for owner, value in OBJECTS.items():
        for name in dir(value):
            method = getattr(type(value), name, None)
            public = not name.startswith("_") and inspect.isfunction(method)
            if public and name not in ("copy", "remember", "count", "told"):
                yield f"{owner}.{name}", getattr(value, name)
    for name in BINARY:
        yield f"node.__{name}__", getattr(X, f"__{name}__")
    yield "node[...]", X.__getitem__
    yield "parameters[...]", TRAINER.parameters.__getitem__
    yield "function", FUNCTION


ENTRIES = dict(_entries())


def _arguments(function: Callable[..., Any], rng: random.Random) -> tuple[Any, Any]:
    """Arguments by position and by name: some that fit, and some that do not."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        value = rng.choice(VALUES)
        if "Node" in str(parameter.annotation) or "Array" in str(parameter.annotation):
            value = rng.choice([value, X, W])
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += rng.sample(VALUES, rng.randrange(3))
        elif parameter.kind is parameter.VAR_KEYWORD:
            named["x"] = value
        elif parameter.default is not parameter.empty and rng.random() < 0.6:
            continue
        elif parameter.kind is parameter.KEYWORD_ONLY or named:
            named[parameter.name] = value
        elif parameter.default is parameter.empty or rng.random() < 0.3:
            positional.append(value)
        else:
            named[parameter.name] = value
    if inspect.ismethod(function) and function.__name__.startswith("__"):
        return positional, named
    if rng.random() < 0.05:
        positional.append(rng.choice(VALUES))
    if rng.random() < 0.05:
        named["unknown"] = rng.choice(VALUES)
    return positional, named


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("entry", ENTRIES)
def test_wrong_calls_raise_errors_of_graphc(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = random.Random(zlib.crc32(entry.encode()))
    for _ in range(12):
        positional, named = _arguments(ENTRIES[entry], rng)
        try:
            ENTRIES[entry](*positional, **named)
        except InternalError as error:
            pytest.fail(f"{positional}, {named}: {error}")
        except (GraphcError, OSError, MemoryError):
            pass
