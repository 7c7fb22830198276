"""What the tests of passes share: running both sides and comparing every bit."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

import graphc as gc
from graphc.ir import Graph, Node, verify

_POSITIVE = [0.0, 0.1, 0.5, 1.0, 3.0, 7.25, 1000.0, 1e30, 1e-30, 1e-44, 3.4e38, np.inf]
SPECIAL = np.array([*_POSITIVE, *(-v for v in _POSITIVE), np.nan], np.float32)
"""One axis of float32 values at which careless algebra goes wrong."""

PAIRS = np.array([(a, b) for a in SPECIAL for b in SPECIAL], np.float32)
"""Every pair of them."""


def ops(outputs: Graph | Iterable[Node]) -> Counter[str]:
    """How often each op occurs, but for inputs and constants."""
    graph = outputs if isinstance(outputs, Graph) else Graph(tuple(outputs))
    names = Counter(node.op.name for node in graph.nodes)
    for name in ("input", "parameter", "constant"):
        del names[name]
    return names


def evaluate(graph: Graph, feeds: Mapping[str, object]) -> list[np.ndarray]:
    """The outputs by the reference interpreter; what is not an input is not fed."""
    wanted = {node.name for node in (*graph.inputs, *graph.parameters)}
    fed = {name: value for name, value in feeds.items() if name in wanted}
    return gc.evaluate(list(graph.outputs), fed)


def checked(graph: Graph) -> Graph:
    """The graph itself, verified."""
    verify(graph)
    return graph


def assert_identical(
    left: Sequence[np.ndarray], right: Sequence[np.ndarray], note: str = ""
) -> None:
    """Equal bit for bit, but for what kind of NaN a NaN is."""
    for a, b in zip(left, right, strict=True):
        assert a.dtype == b.dtype, note
        np.testing.assert_array_equal(a, b, note)
        if a.dtype.kind == "f":
            number = ~np.isnan(a)
            np.testing.assert_array_equal(
                np.signbit(a[number]), np.signbit(b[number]), f"signs of zeros: {note}"
            )


def assert_ulps(
    left: Sequence[np.ndarray], right: Sequence[np.ndarray], ulps: float, note: str = ""
) -> None:
    """Equal to some units in the last place; NaN, infinities and signs exactly."""
    for a, b in zip(left, right, strict=True):
        assert a.dtype == b.dtype, note
        number = ~np.isnan(a)
        np.testing.assert_array_equal(number, ~np.isnan(b), f"NaN: {note}")
        a, b = np.atleast_1d(a[number]), np.atleast_1d(b[number])
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b), f"signs: {note}")
        # A result beside the end of the range may round to infinity on one side.
        finite = np.isfinite(a) & np.isfinite(b)
        apart = ~finite & (a != b)
        largest = np.finfo(a.dtype).max * (1 - 1e-6)
        assert (np.minimum(abs(a), abs(b))[apart] >= largest).all(), note
        a, b = a[finite], b[finite]
        spacing = np.spacing(np.minimum(abs(a), abs(b)))
        worst = np.abs(a - b) / spacing
        assert (worst <= ulps).all(), f"{worst.max()} units: {note}"
