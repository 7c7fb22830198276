"""What users pass is checked in one place, and only graphc's errors come out."""

from __future__ import annotations

import inspect
import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.arguments.entries import shown
from graphc.errors import (
    ArgumentError,
    DTypeError,
    GraphcError,
    InternalError,
    OptionError,
)

X = gc.input("x", ("n",), "float64")
W = gc.parameter("w", (2,), [1.0, 2.0])

WRONG: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], str]] = [
    (gc.sum, (X,), {"keepdims": "no"}, "keepdims must be True or False, got 'no'"),
    (gc.sum, (X,), {"keepdims": None}, "keepdims must be True or False, got None"),
    (gc.var, (X,), {"ddof": "1"}, "ddof must be a number, got '1'"),
    (gc.swapaxes, (X, 0, None), {}, "axis2 must be an integer, got None"),
    (gc.grad, (1.0, X), {}, "y must be a node, got 1.0"),
    (gc.grad, (X, X), {"unused": "no"}, 'unused must be one of "error", "zeros"'),
    (gc.nn.elu, (X, 10**400), {}, "alpha must be a number, got 1000"),
    (gc.evaluate, (X, [("x", 1.0)]), {}, "feeds must be a dict"),
    (gc.evaluate, (X, {"x": [1.0]}), {"seed": -1}, "seed must be an integer >= 0"),
    (gc.evaluate, (X, {"x": [1.0]}), {"seed": True}, "seed must be an integer >= 0"),
    (gc.compile, (X,), {"simplify": 1}, "simplify must be True or False, got 1"),
    (
        gc.compile,
        (X,),
        {"style": None},
        '"readable", "fast", "native", "auto", got None',
    ),
    (gc.optim.l2, ([1], 1), {}, "parameters must be a node or a list of nodes"),
    (gc.init.he_normal, ("fan",), {}, "mode must be one of"),
    (gc.datasets.mnist, (5,), {}, "root must be a path"),
    (gc.datasets.mnist, ("a\0b",), {}, "without null bytes"),
    (
        gc.Trainer,
        (gc.sum(W), None),
        {},
        "optimizer must be a gc.optim.Opt",
    ),
]


@pytest.mark.parametrize(
    ("function", "arguments", "options", "says"), WRONG, ids=range(len(WRONG))
)
def test_what_an_annotation_forbids_is_refused(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    says: str,
) -> None:
    with pytest.raises(GraphcError) as caught:
        function(*arguments, **options)
    assert says in caught.value.message
    assert str(caught.value.location).startswith(f"{__file__}:")
    assert isinstance(caught.value, TypeError)


def test_nodes_are_asked_for_as_before() -> None:
    with pytest.raises(DTypeError, match="loss must be a node"):
        gc.Trainer([W], gc.optim.SGD(lr=0.1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: gc.exp(), "missing a required argument: 'x'; it takes x"),
        (lambda: gc.exp(X, X), "too many positional arguments; it takes x"),
        (lambda: gc.sum(X, axes=0), "has no argument 'axes'"),
        (lambda: gc.Trainer(), "gc.Trainer: missing a required argument: 'loss'"),
        (lambda: gc.nn.Linear(3), "missing a required argument: 'out_features'"),
        (lambda: gc.optim.SGD(learn=0.1), "has no argument 'learn'"),
    ],
)
def test_calls_that_do_not_fit_the_signature(
    call: Callable[[], Any], says: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        call()
    assert says in caught.value.message
    assert __file__ in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


def test_a_name_that_is_nearly_right_is_told() -> None:
    with pytest.raises(ArgumentError) as caught:
        gc.sum(X, keepdim=True)  # type: ignore[call-arg]
    assert caught.value.hint == "keepdims="


def test_numpys_scalars_are_numbers() -> None:
    assert gc.var(gc.ones((3,)), ddof=np.int32(1)).shape == ()  # type: ignore[arg-type]
    assert gc.full((), np.float32(0.5)).shape == ()
    assert gc.sum(X, keepdims=np.True_).shape == (1,)  # type: ignore[arg-type]


def test_what_users_functions_raise_is_theirs() -> None:
    def schedule(clock: gc.optim.Clock) -> Any:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        gc.Trainer(gc.sum(W), gc.optim.SGD(lr=schedule))


def test_what_nobody_foresaw_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"__name__": "graphc.passes.broken"}
    broken = eval("lambda graph, simplify: graph.outputs[7]", ours)
    monkeypatch.setattr("graphc.runtime.compiler.optimize", broken)
    with pytest.raises(InternalError) as caught:
        gc.compile(X)
    assert "gc.compile failed on these arguments: IndexError" in caught.value.message
    assert isinstance(caught.value.__cause__, IndexError)
    assert __file__ in str(caught.value)


def test_files_that_are_not_there_are_told_by_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        gc.datasets.read_idx(os.path.join("no", "such", "file"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("a" * 300, "aaa"),
        (10**5000, "something of type int"),
        (X, "<input 'x' float64 (n,)>"),
    ],
    ids=["None", "long", "large", "node"],
)
def test_values_are_shown_briefly(value: Any, text: str) -> None:
    assert text in shown(value)
    assert len(shown(value)) <= 110


def test_lists_nested_deeply_are_shown() -> None:
    nested: list[Any] = []
    for _ in range(5000):
        nested = [nested]
    assert len(shown(nested)) < 40


def test_public_functions_can_be_pickled_and_look_as_they_were() -> None:
    assert pickle.loads(pickle.dumps(gc.exp)) is gc.exp
    assert pickle.loads(pickle.dumps(gc.nn.relu)) is gc.nn.relu
    assert list(inspect.signature(gc.ptp).parameters) == ["a", "axis", "keepdims"]
    assert (gc.sum.__doc__ or "").startswith("Sum over")


def _public() -> list[tuple[str, Any]]:
    rooms = [gc, gc.nn, gc.optim, gc.init, gc.metrics, gc.datasets]
    return [
        (f"{room.__name__}.{name}", getattr(room, name))
        for room in rooms
        for name in room.__all__
    ]


@pytest.mark.parametrize(("name", "value"), _public())
def test_every_public_function_is_checked(name: str, value: Any) -> None:
    if inspect.isfunction(value):
        assert hasattr(value, "__graphc_checked__")
    elif inspect.isclass(value):
        own = [
            method
            for method, member in vars(value).items()
            if inspect.isfunction(member)
            and not method.startswith("_")
            and not getattr(member, "__isabstractmethod__", False)
        ]
        # Feeds are checked by what binds them; names of the source are graphc's.
        own = [m for m in own if m not in ("step", "predict", "gradients", "told")]
        assert all(hasattr(vars(value)[m], "__graphc_checked__") for m in own), name


def test_options_of_optimizers_say_it_themselves() -> None:
    with pytest.raises(OptionError, match="SGD requires lr to be a number >= 0"):
        gc.optim.SGD(lr="x")  # type: ignore[arg-type]


def test_a_schedule_depends_on_its_clock_alone() -> None:
    y = gc.input("y", (), "float64")
    for schedule in (lambda clock: y, lambda clock: clock.step * gc.sum(W)):
        with pytest.raises(OptionError, match="depend on its clock alone"):
            gc.Trainer(gc.sum(W), gc.optim.SGD(schedule))


@pytest.mark.parametrize(
    "owner",
    [
        *(gc.nn.Layer, gc.init.Initializer, gc.optim.Optimizer, gc.optim.Rule),
        gc.optim.Schedule,
    ],
    ids=lambda owner: owner.__name__,
)
def test_abstract_classes_are_for_inheriting(owner: Any) -> None:
    for arguments in ((), (1,), (X, X)):
        with pytest.raises(ArgumentError, match=f"{owner.__name__} is abstract"):
            owner(*arguments)

    class Mine(owner):
        def __init__(self, factor: float) -> None:
            if owner is gc.nn.Layer:
                super().__init__()
            self.factor = factor

    Mine.__abstractmethods__ = frozenset()
    assert Mine(2.0).factor == 2.0
    assert Mine(factor=3.0).factor == 3.0


def test_methods_of_private_bases_are_checked() -> None:
    with pytest.raises(ArgumentError, match="shape must be a list of integers"):
        gc.init.he_normal().std(object())  # type: ignore[attr-defined]


@pytest.mark.parametrize("values", [3, None, [1], {"w": 1.0, "v": [0.0]}, {"v": [0.0]}])
def test_all_parameters_are_assigned_or_none(values: Any) -> None:
    v = gc.parameter("v", (2,), [1.0, 2.0])
    loss = gc.sum(W * W) + gc.sum(v * v)
    for program in (gc.compile(loss), gc.Trainer(loss, gc.optim.SGD(lr=0.1))):
        with pytest.raises(GraphcError) as caught:
            program.parameters = values
        assert not isinstance(caught.value, InternalError)
        for name in "wv":
            np.testing.assert_array_equal(program.parameters[name], [1.0, 2.0])


def test_a_node_is_no_data() -> None:
    trainer = gc.Trainer(gc.sum(W) * gc.mean(X), gc.optim.SGD(lr=0.1))
    for call in (trainer.fit, trainer.evaluate):
        with pytest.raises(GraphcError, match="must map input names") as caught:
            call(X)
        assert str(caught.value.location).startswith(__file__)


@pytest.mark.parametrize("room", [gc, gc.nn, gc.optim, gc.init, gc.metrics])
def test_dir_lists_what_is_public(room: Any) -> None:
    listed = {name for name in dir(room) if not name.startswith("__")}
    assert listed == {name for name in room.__all__ if not name.startswith("__")}
    assert {"__doc__", "__name__"} <= set(dir(room))


def test_no_argument_is_told_that_was_given_already() -> None:
    with pytest.raises(ArgumentError) as caught:
        gc.sum(X, 0, axi=0)  # type: ignore[call-arg]
    assert caught.value.hint is None
