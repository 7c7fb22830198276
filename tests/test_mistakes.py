"""Typical mistakes at every public entry: what is raised is always a GraphcError.

An `InternalError` would say that nobody foresaw the mistake, so it does not count.
"""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError, InternalError

X = gc.input("x", ("n", 3))
LABELS = gc.input("labels", ("n",), "int64")
W = gc.parameter("w", (3, 2))
LOSS = gc.sum(X @ W)
SGD = gc.optim.SGD(0.1)


def _named(names: str, value: Any) -> dict[str, Any]:
    return dict.fromkeys(names.split(), value)


FITTING: dict[str, Any] = {
    **_named("a x x1 x2 b arr array condition input logits target", X),
    **_named("y loss outputs nodes cotangent", LOSS),
    **_named("indices tensor labels", LABELS),
    **_named("scores predictions targets", X[:, 0]),
    **_named("wrt tangents", W),
    **_named("optimizer inner", SGD),
    **_named("axis dim source destination axis1 axis2", 0),
    **_named("p strength l1_strength l2_strength sparsity", 0.5),
    **_named("name path", "no/such/file"),
    "shape": (2, 3),
    "arrays": [X, X],
    "dtype": "float32",
    "feeds": {},
    "parameters": [W],
    "schedulers": [gc.optim.ConstantLR(0.1)],
    "milestones": [],
    "groups": {"w": SGD},
    "normalized_shape": (3,),
}
"""An argument that fits by its name; 1 for others."""

WRONG: list[Any] = [
    *(None, "text", b"x", 3, -1, 2.5, float("nan"), True, 1j, 10**400, np.float32(2)),
    *(X, W, gc.Dim("m"), lambda a: a, object(), int, gc, slice(1), ...),
    *((), [1, 2], [[1], [2, 3]], [None], [X], [[X]], {}, {"a": 1}, {"x": X}),
    np.ones((2, 2)),
]

NOT_TRIED = {
    gc.Node: "made by functions",
    gc.datasets.digits: "takes time",
    gc.datasets.mnist: "looks for files",
    gc.datasets.fashion_mnist: "looks for files",
    gc.datasets.Split: "a named tuple",
    gc.optim.PlateauState: "a named tuple",
    gc.Callback: "a base class without arguments",
    gc.StopTraining: "an exception",
    gc.init.Initializer: "a protocol",
    gc.minimize: "takes time for each of many options that fit",
    gc.check_gradients: "takes time for each of many options that fit",
    gc.History: "made by trainers",
}


Call = Callable[[], Any]
Entry = Callable[..., Any]


def _entries(place: Any, prefix: str = "gc") -> Iterator[tuple[str, Entry]]:
    for name in place.__all__:
        value = getattr(place, name)
        called = inspect.isfunction(value) or inspect.isclass(value)
        if inspect.ismodule(value):
            is_alias = value is gc.nn.init and place is gc.nn
            if value is not gc.errors and not is_alias:
                yield from _entries(value, f"{prefix}.{name}")
        elif called and value not in NOT_TRIED and not inspect.isabstract(value):
            yield f"{prefix}.{name}", value


ENTRIES = dict(_entries(gc))


def _calls(entry: Entry) -> Iterator[tuple[str, Call]]:
    """Calls in each of which one argument is wrong, or there are too many or few."""
    parameters = [
        p
        for p in inspect.signature(entry).parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    fitting = {
        p.name: FITTING.get(p.name, 1) for p in parameters if p.default is p.empty
    }
    for parameter in parameters:
        for wrong in WRONG:
            given = fitting | {parameter.name: wrong}
            first = [
                given.pop(p.name)
                for p in parameters
                if p.kind is p.POSITIONAL_ONLY and p.name in given
            ]
            yield (
                f"{parameter.name}={type(wrong).__name__}",
                lambda first=first, given=given: entry(*first, **given),
            )
    yield "an unknown name", lambda: entry(**fitting, colour=1)
    yield "nothing", entry
    yield "too many", lambda: entry(*[X] * 20)
    for wrong in WRONG:
        yield f"first {type(wrong).__name__}", lambda wrong=wrong: entry(wrong)
        yield f"second {type(wrong).__name__}", lambda wrong=wrong: entry(X, wrong)


def _raises_only_its_own(what: str, call: Call) -> None:
    raised: Exception | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except (GraphcError, OSError) as error:
            raised = error
        except Exception as error:
            pytest.fail(f"{what}: {type(error).__name__}: {error}")
    assert not isinstance(raised, InternalError), what
    assert raised is None or str(raised)


@pytest.mark.parametrize("name", ENTRIES)
def test_entries(name: str) -> None:
    for what, call in _calls(ENTRIES[name]):
        _raises_only_its_own(f"{name}: {what}", call)


METHODS = [
    name
    for name, member in vars(gc.Node).items()
    if inspect.isfunction(member) and not name.startswith("_") and name != "told"
]


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_nodes(name: str) -> None:
    for wrong in WRONG:
        _raises_only_its_own(name, lambda wrong=wrong: getattr(X, name)(wrong))
    for call in (
        lambda: getattr(X, name)(dim=0),
        lambda: getattr(X, name)(1, 2, 3, 4, 5, 6, 7),
    ):
        _raises_only_its_own(name, call)


OPERATORS = "add sub mul truediv floordiv mod pow matmul and_ or_ xor eq lt getitem"


@pytest.mark.parametrize("name", OPERATORS.split())
def test_operators(name: str) -> None:
    for wrong in WRONG:
        call = lambda wrong=wrong: getattr(operator, name)(X, wrong)  # noqa: E731
        _raises_only_its_own(f"x {name} {wrong!r:.40}", call)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_compiled_functions(style: str) -> None:
    f = gc.compile(gc.sum(X * 2) + gc.sum(LABELS), style=style)
    for wrong in WRONG:
        for call in (
            lambda wrong=wrong: f(wrong),
            lambda wrong=wrong: f(x=wrong, labels=wrong),
            lambda wrong=wrong: f(np.ones((2, 3), "f4"), labels=wrong),
            lambda wrong=wrong: f(wrong, wrong, wrong),
            lambda wrong=wrong: gc.evaluate(X, {X: wrong}),
            lambda wrong=wrong: gc.evaluate(X, {"x": wrong}),
        ):
            _raises_only_its_own(f"{wrong!r:.40}", call)


TRAINER_METHODS = ("step", "predict", "gradients", "evaluate", "fit", "restarted")


@pytest.mark.parametrize("name", TRAINER_METHODS)
def test_methods_of_trainers(name: str) -> None:
    loss = gc.nn.mse_loss(X @ gc.parameter("v", (3,)), gc.input("t", ("n",)))
    trainer = gc.Trainer(loss, SGD)
    method = getattr(trainer, name)
    for wrong in WRONG:
        for call in (
            lambda wrong=wrong: method(wrong),
            lambda wrong=wrong: method(x=wrong, t=wrong),
        ):
            _raises_only_its_own(f"{name} {wrong!r:.40}", call)
    _raises_only_its_own(name, lambda: method(X, X))
    assert trainer.steps == 0
