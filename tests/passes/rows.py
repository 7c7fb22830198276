"""Graphs at one row: as they are, and as `one_row` makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError, IndexRangeError
from graphc.ir import Dim, Graph, Node, verify
from graphc.passes.one_row import one_row
from tests.styles import ULPS, assert_styles_agree

from .helpers import assert_identical, evaluate

BATCH = Dim("batch")
Build = Callable[..., Node]
Feeds = Mapping[str, Any]
REDUCTIONS: tuple[Build, ...] = (gc.sum, gc.mean, gc.max, gc.min, gc.prod)


def adds_up(graph: Graph) -> bool:
    """Whether values are sums or products of several terms, which layouts may order."""
    return any(node.op.kind in ("contraction", "reduction") for node in graph.nodes)


def same(
    graph: Graph,
    *fed: Feeds,
    signs: bool = True,
    note: str = "",
    ulps: float | None = None,
) -> Graph:
    """Hold a graph at one row against what `one_row` makes of it; return that.

    Values are the same bit for bit, but where something is added up: there they agree
    as two styles do, or within `ulps` where rounding errors grow on their way.
    """
    short = one_row(graph, "batch")
    assert short is not None, note
    verify(short)
    exact = ulps is None and not adds_up(graph)
    for feeds in fed:
        try:
            expected = evaluate(graph, feeds)
        except (FeedError, IndexRangeError) as error:
            with pytest.raises(type(error)):
                evaluate(short, feeds)
            continue
        found = evaluate(short, feeds)
        assert [a.shape for a in found] == [a.shape for a in expected], note
        if not exact:
            assert_styles_agree(found, expected, ulps=ulps or ULPS, note=note)
        elif signs:
            assert_identical(found, expected, note)
        else:
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b, note)
    return short


def derivative(output: Node, wrt: Sequence[Node]) -> Graph | None:
    """The gradient of a number that depends on all of an output, where one flows."""
    wrt = [node for node in wrt if node.dtype.kind == "f"]
    if output.dtype.kind != "f" or not wrt:
        return None
    total = gc.sum(gc.sin(output * 1.7))
    return Graph(tuple(gc.grad(total, wrt, unused="zeros")))


def drawn(node: Node, rng: np.random.Generator, **sizes: int) -> np.ndarray:
    """Numbers for an input, of one row; some are zeros of either sign."""
    sizes = {"batch": 1, "time": 3, **sizes}
    shape = [d.evaluate(sizes) if isinstance(d, Dim) else d for d in node.shape]
    if node.dtype.kind == "i":
        return rng.integers(-1, 1, shape).astype(node.dtype)
    values = rng.normal(size=shape)
    rounded = np.where(rng.random(shape) < 0.2, np.copysign(0.0, values), values)
    return rounded.astype(node.dtype)


def draws(nodes: Sequence[Node], seed: int = 0) -> dict[str, np.ndarray]:
    """Numbers for inputs and parameters, by name."""
    rng = np.random.default_rng(seed)
    return {str(node.name): drawn(node, rng) for node in nodes}


def fed(*outputs: Node, signs: bool = True, seed: int = 0) -> Graph:
    """Hold outputs against theirs at one row, on drawn numbers."""
    graph = Graph(tuple(outputs))
    return same(graph, draws([*graph.inputs, *graph.parameters], seed), signs=signs)
