"""Blocks that are declared as functions, and the layers beside them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

import graphc as gc
from graphc.errors import GraphcError
from graphc.ir import OPS, Graph
from graphc.ir.graph import expand
from graphc.nn.block import elementwise_block
from graphc.nn.layer import FunctionLayer
from graphc.ops.elementwise import OpFunction
from graphc.ops.source import ArrayLike


@pytest.fixture
def shifted() -> Iterator[OpFunction[...]]:
    @elementwise_block(
        vjp=lambda g, out, input: (g,), options=({"by": 1.0, "kind": "a"},)
    )
    def shifted(input: ArrayLike, by: float = 2.0, kind: str = "a") -> gc.Node:
        return input + by

    yield shifted
    del OPS["shifted"]


def test_the_body_is_the_expansion(shifted: OpFunction[...]) -> None:
    x = gc.input("x", (3,))
    node = shifted(x)
    assert node.op is shifted.op
    assert [n.op.name for n in expand(Graph((node,)))] == ["input", "constant", "add"]
    assert gc.evaluate(node, {"x": [1.0, 2.0, 3.0]}).tolist() == [3.0, 4.0, 5.0]


def test_inputs_are_arrays_and_options_attributes(shifted: OpFunction[...]) -> None:
    node = shifted([1.0], 3, kind="b")
    assert node.op.inputs == ("input",)
    assert node.attributes == {"by": 3.0, "kind": "b"}
    assert type(node.attributes["by"]) is float
    assert [case.attributes for case in shifted.op.cases] == [
        {"by": 1.0, "kind": "a"}
    ] * 3


def test_a_wrong_call_is_one_of_python(shifted: OpFunction[...]) -> None:
    with pytest.raises(TypeError, match="missing"):
        shifted()
    with pytest.raises(TypeError, match="unexpected"):
        shifted([1.0], size=3)


def test_a_layer_of_a_function(shifted: OpFunction[...]) -> None:
    class Shift(FunctionLayer):
        function = shifted

        def __init__(self, by: float = 2.0, *, name: str | None = None) -> None:
            super().__init__(name=name)
            self.by = by

    layer = Shift(3.0)
    assert repr(layer) == "Shift(by=3.0)"
    node = layer(gc.input("x", (3,)))
    assert (node.op, node.attributes["by"]) == (shifted.op, 3.0)
    model = gc.nn.Sequential(gc.nn.ReLU(), Shift())
    assert model(gc.input("x", (3,))).name == "shifted_1"


FUNCTION_LAYERS = [
    value
    for value in vars(gc.nn).values()
    if isinstance(value, type) and issubclass(value, FunctionLayer)
]


@pytest.mark.parametrize("layer", FUNCTION_LAYERS)
def test_every_layer_of_a_function_has_its_options(layer: type[FunctionLayer]) -> None:
    options = dict(inspect.signature(layer).parameters)
    del options["name"]
    theirs = inspect.signature(layer.function).parameters
    for name, option in options.items():
        assert name in theirs
        assert option.default == theirs[name].default
    given = {
        name: 1 if option.default is option.empty else option.default
        for name, option in options.items()
    }
    made = layer(**given)
    kept = {name: value for name, value in given.items() if name in vars(made)}
    shown = ", ".join(f"{name}={value!r}" for name, value in kept.items())
    assert repr(made) == f"{layer.__name__}({shown})"
    if layer not in (gc.nn.Fold, gc.nn.Upsample):  # These take no 1 for all options.
        assert any(_takes(made, rank) for rank in range(1, 5))
    assert made.kind == layer.function.__name__


def _takes(layer: FunctionLayer, rank: int) -> bool:
    """True where inputs may have this many axes besides the first."""
    try:
        return isinstance(layer(gc.input("x", (3,) + (4,) * rank)), gc.Node)
    except GraphcError:
        return False
