"""Bodies in C: loops, branches and calls compute what the interpreter says."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from tests.styles import assert_styles_agree
from tests.targets.c.compiled import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

Inputs = dict[str, Node]


def _inputs(prefix: str) -> Inputs:
    return {
        "x": gc.input(f"{prefix}_x", ("n", 3), "float64"),
        "s": gc.input(f"{prefix}_s", ("n",), "float64"),
        "w": gc.input(f"{prefix}_w", (3, 3), "float64"),
        "k": gc.input(f"{prefix}_k", (), "int64"),
        "places": gc.input(f"{prefix}_places", ("n",), "int64"),
    }


def _numbers(given: Inputs) -> Any:
    """Variables in registers, one of which another one takes over."""
    return gc.scan(
        lambda c, s: ((c[1], gc.sin(c[0] + s)), (c[0], c[1] * s)),
        (0.5, gc.sum(given["w"])),
        given["s"],
    )


def _products(given: Inputs) -> Any:
    """Arrays that are carried, stacked, added up, or replaced in place."""

    def turn(carry: Any, x: Node) -> Any:
        state, total, mixed = carry
        after = gc.tanh(state @ given["w"] + x)
        mixed = mixed[::-1] * 0.5 + x
        return (after, total + gc.outer(state, x), mixed), (after, state, x * 2)

    zeros = gc.zeros((3,), "float64")
    start = (given["w"][0], gc.zeros((3, 3), "float64"), zeros)
    return gc.scan(turn, start, given["x"], reverse=True)


def _integers(given: Inputs) -> Any:
    """Carries of integers and bools, and no sequence."""

    def turn(carry: Any, _: Node) -> Any:
        a, b, found = carry
        return (b, a + b, found | (b * 3 == 15)), gc.sum(a)

    pair = np.array([0, 1])
    return gc.scan(turn, (pair, pair + 1, np.array([False, False])), given["s"])


def _nested(given: Inputs) -> Any:
    """A loop and a branch in the turns of a loop, and positions."""

    def turn(carry: Node, item: Any) -> Any:
        x, place = item
        inner, found = gc.scan(
            lambda c, w: (gc.sin(c) + w[1] * x[0], c), carry[0], given["w"]
        )
        chosen = gc.cond(
            gc.sum(x) > 0,
            lambda c: (c * x, c[place]),
            lambda c: (c, inner),
            gc.sin(carry),
        )
        return chosen[0] + inner, (chosen[1], found * 2)

    items = (given["x"], given["places"])
    return gc.scan(turn, given["w"][1], items)


def _loops_that_end(given: Inputs) -> Any:
    """Loops with a test, of a number, of an array, and of none at all."""
    steps = gc.while_loop(
        lambda v: v[1] > 1,
        lambda v: (v[0] + 1, v[1] - gc.where((v[1] & 1) == 0, 5, 2)),
        (0, given["k"]),
    )
    grown = gc.while_loop(
        lambda v: gc.max(gc.absolute(v)) < 10, lambda v: v * 2 + 1, given["w"][0]
    )
    return *steps, grown, gc.while_loop(lambda v: v < 0, lambda v: v + 1, given["k"])


def _branches(given: Inputs) -> Any:
    """One of two bodies, with values that it does not compute."""
    w = given["w"]
    return gc.cond(
        given["k"] > 9,
        lambda w: (w @ w, w, 2.0, gc.sum(w)),
        lambda w: (w.T, gc.zeros_like(w), 1.0, w[0, 0]),
        w,
    )


def _calls(given: Inputs) -> Any:
    """A body that is computed again in the backward pass."""
    layer = gc.checkpoint(lambda x: gc.tanh(x @ given["w"]) * gc.sum(x))
    return gc.sum(layer(layer(given["w"])))


CASES: dict[str, Callable[[Inputs], Any]] = {
    "numbers": _numbers,
    "products": _products,
    "integers": _integers,
    "nested": _nested,
    "loops that end": _loops_that_end,
    "branches": _branches,
    "calls": _calls,
}
IRREVERSIBLE = {"loops that end", "integers"}


def _leaves(values: Any) -> list[Node]:
    if isinstance(values, Node):
        return [values]
    return [leaf for value in values for leaf in _leaves(value)]


def _feeds(prefix: str, n: int, k: int) -> dict[str, Any]:
    rng = np.random.default_rng(n)
    return {
        f"{prefix}_x": rng.normal(size=(n, 3)),
        f"{prefix}_s": rng.normal(size=n),
        f"{prefix}_w": rng.normal(size=(3, 3)),
        f"{prefix}_k": k,
        f"{prefix}_places": rng.integers(0, 3, n),
    }


def test_bodies_and_their_derivatives_to_order_two() -> None:
    """One program has all cases: compiling C takes longer than running it."""
    outputs: list[Node] = []
    notes: list[str] = []
    for place, (name, case) in enumerate(CASES.items()):
        given = _inputs(f"case{place}")
        found = _leaves(case(given))
        if name not in IRREVERSIBLE:
            wrt = [given["x"], given["s"], given["w"]]
            floats = [gc.sum(gc.square(v)) for v in found if v.dtype.kind == "f"]
            first = gc.grad(sum(floats[1:], floats[0]), wrt, unused="zeros")
            total = gc.sum(first[2]) + gc.sum(gc.sin(first[0])) + gc.sum(first[1])
            found += [*first, *gc.grad(total, wrt, unused="zeros")]
        outputs += found
        notes += [f"{name}: {node}" for node in found]
    function = gc.compile(outputs, style="native")
    text = function.source.partition("def compute(")[2].partition("# Memory")[0]
    # Nothing is left to NumPy.
    assert "for t in" not in text
    assert "while " not in text
    assert text.count("call_c(") == 1
    known = {str(node.name) for node in Graph((*outputs,)).inputs}
    for n, k in ((5, 27), (1, 1), (0, 6)):
        feeds: dict[str, Any] = {}
        for place in range(len(CASES)):
            feeds |= _feeds(f"case{place}", n, k)
        feeds = {name: array for name, array in feeds.items() if name in known}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = gc.evaluate(outputs, feeds)
        found = function(**feeds)
        for note, a, b in zip(notes, found, expected, strict=True):
            assert_styles_agree(a, b, ulps=2**20, note=f"{note} of {n} turns")


def test_positions_out_of_bounds_in_a_body_are_an_error() -> None:
    """A loop with a test ends there, too."""
    x = gc.input("x", (5,))
    given = gc.input("given", ("n",), "int64")
    start = gc.sum(given)
    turns = gc.while_loop(lambda v: x[v - 1] >= 0, lambda v: v + 1, start)
    taken, _ = gc.scan(
        lambda c, _: (c + gc.where(x[c - 1] > 0, 1, -1), None), start, length=3
    )
    ends, follows = (gc.compile(y, style="native") for y in (turns, taken))
    array = np.array([1, 1, 1, -1, 1], "float32")
    assert ends(array, [1]) == follows(array, [1]) == 4
    for function, bad in ((ends, 6), (ends, 5), (ends, 0), (follows, 5), (follows, 0)):
        with pytest.raises(IndexError):
            function(array, [bad])


def test_a_scan_of_numbers_is_one_loop_over_variables() -> None:
    x = gc.input("x", ("length",))
    rate = gc.input("rate", ())
    last, sums = gc.scan(lambda total, x: ((y := rate * total + x), y), 0.0, x)
    text = gc.compile([last.named("last"), sums.named("sums")], style="native").source
    body = text.partition("static void compute_sums")[2].partition("\n}")[0]
    assert "for (int64_t t = 0; t < length; t++) {" in body
    assert body.count("[") == 3, body


def test_what_c_lacks_leaves_a_body_to_numpy() -> None:
    x = gc.input("x", ("n", 2, 2), "float64")
    turn = gc.scan(lambda c, x: (c @ gc.linalg.inv(x), gc.sum(c)), np.eye(2), x)
    function = gc.compile([*turn], style="native")
    array = np.random.default_rng(0).normal(size=(4, 2, 2))
    expected = gc.evaluate([*turn], {"x": array})
    for a, b in zip(function(array), expected, strict=True):
        np.testing.assert_allclose(a, b, 1e-9)
