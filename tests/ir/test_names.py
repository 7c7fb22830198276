"""Names that users choose: what emitted code can carry, and what is refused."""

from __future__ import annotations

import keyword
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as gc
from graphc.errors import NamingError
from graphc.ir import Graph

BAD = [
    "",
    "1x",
    "a b",
    "a-b",
    "x'",
    'x"',
    "x\n",
    "x\nimport os",
    "x; import os",
    "__import__('os')",
    "x #",
    "x.y",
    "\u2028",
    "_private",
    "__dunder__",
    "_",
    "ﬁ",  # the ligature fi, which Python reads as two letters
    "ｘ",  # a full-width x
    "µ",  # the micro sign, which Python reads as a Greek mu
    *keyword.kwlist,
]


@pytest.mark.parametrize("name", BAD)
def test_bad_input_names(name: str) -> None:
    with pytest.raises(NamingError) as caught:
        gc.input(name, ())
    assert str(caught.value.location).startswith(__file__)
    assert repr(name) in caught.value.message


@pytest.mark.parametrize(
    "name", ["x", "X1", "hidden_1", "größe", "μ", "match", "print"]
)
def test_good_names(name: str) -> None:
    assert gc.input(name, ()).name == name
    assert gc.parameter(name, ()).name == name
    assert gc.exp(gc.input("a", ())).named(name).name == name


@pytest.mark.parametrize("value", [None, 1, b"x", ["x"]])
def test_names_are_strings(value: Any) -> None:
    for call in (
        lambda: gc.input(value, ()),
        lambda: gc.parameter(value, ()),
        lambda: gc.exp(gc.input("a", ())).named(value),
        lambda: gc.Dim(value),
    ):
        with pytest.raises(NamingError, match="must be a string"):
            call()


def test_parameters_and_nodes_may_have_dots() -> None:
    assert gc.parameter("hidden.weight", ()).name == "hidden.weight"
    assert gc.exp(gc.input("a", ())).named("block.out").name == "block.out"
    for bad in ("a.", ".a", "a..b", "a.1", "a.class", "a. b", "a._b"):
        with pytest.raises(NamingError):
            gc.parameter(bad, ())
        with pytest.raises(NamingError):
            gc.exp(gc.input("a", ())).named(bad)


@given(st.text(max_size=8))
def test_any_accepted_name_is_python_as_it_stands(name: str) -> None:
    """Whatever is accepted assigns to exactly that variable."""
    try:
        gc.input(name, ())
    except NamingError:
        return
    scope: dict[str, Any] = {"__builtins__": {}}
    exec(f"{name} = 1", scope)
    assert scope[name] == 1


def test_two_inputs_of_one_name() -> None:
    first, second = gc.input("x", ()), gc.input("x", (2,))
    with pytest.raises(NamingError, match="two nodes have the name 'x'") as caught:
        gc.evaluate(first + second, {"x": 1.0})
    assert __file__ in str(caught.value)
    assert caught.value.hint


def test_two_named_nodes_of_one_name() -> None:
    x = gc.input("x", ())
    first, second = gc.exp(x).named("y"), gc.log(x).named("y")
    with pytest.raises(NamingError, match="two nodes have the name 'y'"):
        Graph((first, second)).check_names()
    Graph((first, first + 1)).check_names()


def test_derived_nodes_may_share_a_hint() -> None:
    """A block's own names are hints, which the printer makes unique."""
    x = gc.input("x", (2, 3))
    y = gc.nn.softmax(x, dim=1) + gc.nn.softmax(2 * x, dim=1)
    Graph((gc.grad(gc.sum(y), x),)).check_names()
