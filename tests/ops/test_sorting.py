"""Sorts, partial sorts and the largest elements, against NumPy and torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError, GraphcError

X = np.random.default_rng(0).permutation(24).reshape(2, 3, 4) / 4.0
TIES = np.array([[2.0, 0.0, 2.0, -1.0, 0.0], [np.nan, 1.0, np.nan, 1.0, 3.0]])
STYLES = ("readable", "fast")


def _everywhere(nodes: Any, **feeds: Any) -> list[Any]:
    compiled = [gc.compile(nodes, style=style)(**feeds) for style in STYLES]
    return [gc.evaluate(nodes, feeds), *compiled]


@pytest.mark.parametrize("axis", [None, -1, 0])
def test_sorts_are_numpys(axis: int | None) -> None:
    for array in (X, X.astype("int16"), TIES, TIES > 0):
        x = gc.input("x", array.shape, array.dtype)
        order = np.argsort(array, axis, kind="stable")
        for found in _everywhere(
            [gc.sort(x, axis), gc.argsort(x, axis), x.argsort(axis)], x=array
        ):
            np.testing.assert_array_equal(found[0], np.sort(array, axis))
            np.testing.assert_array_equal(found[1], order)
            np.testing.assert_array_equal(found[2], order)
    x = gc.input("x", X.shape, "float64")
    for kth in (1, -2, (0, 2)):
        if axis != 0:
            found = gc.evaluate(gc.partition(x, kth, axis), {"x": X})
            parted = np.moveaxis(found, -1 if axis is None else axis, 0)
            expected = np.moveaxis(np.sort(X, axis), -1 if axis is None else axis, 0)
            np.testing.assert_array_equal(parted[[kth]], expected[[kth]])


def test_a_descending_sort_is_stable() -> None:
    x = gc.input("x", TIES.shape, "float64")
    nodes = [gc.sort(x, descending=True), gc.argsort(x, descending=True)]
    for values, order in _everywhere(nodes, x=TIES):
        np.testing.assert_array_equal(order, [[0, 2, 1, 4, 3], [0, 2, 4, 1, 3]])
        expected = np.take_along_axis(TIES, order, 1)
        np.testing.assert_array_equal(values, expected)


def test_a_sort_gives_each_element_its_gradient() -> None:
    x = gc.input("x", ("n", 5), "float64")
    weight = np.arange(5.0)
    slope = gc.grad(gc.sum(gc.sort(x) * weight), x)
    for found in _everywhere(slope, x=TIES):
        np.testing.assert_array_equal(found, [[3, 1, 4, 0, 2], [3, 0, 4, 1, 2]])
    assert "np.add.at" not in gc.compile(slope, style="readable").source


def test_keys_are_numpys() -> None:
    keys = np.array([[3, 1, 2, 1], [0, 1, 0, 1], [5, 5, 4, 5]])
    node = gc.input("keys", keys.shape, "int64")
    for given in (node, [node[0], node[1], node[2]]):
        for found in _everywhere(gc.lexsort(given), keys=keys):
            np.testing.assert_array_equal(found, np.lexsort(keys))


@pytest.mark.parametrize("size", [4, "n"])
def test_the_largest_elements(size: Any) -> None:
    x = gc.input("x", (2, 3, size), "float64")
    for k in (0, 1, 2, 3, 4) if size == 4 else (0, 1, 2, 3):
        for largest in (True, False):
            chosen = gc.topk(x, k, largest=largest)
            slope = gc.grad(gc.sum(chosen.values * np.arange(k)), x)
            order = np.argsort(-X if largest else X, -1)[..., :k]
            expected = np.zeros(X.shape)
            weights = np.broadcast_to(np.arange(k), order.shape)
            np.put_along_axis(expected, order, weights, -1)
            for values, indices, gradient, _ in _everywhere([*chosen, slope, x], x=X):
                np.testing.assert_array_equal(indices, order)
                np.testing.assert_array_equal(values, np.take_along_axis(X, order, -1))
                np.testing.assert_array_equal(gradient, expected)
            some = gc.topk(x, k, largest=largest, sorted=False).values
            found = np.sort(gc.evaluate([some, x], {"x": X})[0], -1)
            np.testing.assert_array_equal(
                found, np.sort(np.take_along_axis(X, order, -1), -1)
            )


def test_more_elements_than_there_are() -> None:
    x = gc.input("x", (2, "n"))
    for node in (gc.topk(x, 3).values, gc.kthvalue(x, 3).values):
        with pytest.raises(FeedError):
            gc.evaluate(node, {"x": np.zeros((2, 2), "f4")})
        for style in STYLES:
            with pytest.raises(ValueError, match="n"):
                gc.compile(node, style=style)(x=np.zeros((2, 2), "f4"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gc.topk(x, 5), "requires k from 0 to 4, got 5"),
        (lambda x: gc.kthvalue(x, 0), "requires k from 1 to 4, got 0"),
        (lambda x: gc.partition(x, 4), "requires kth from -4 to 3, got 4"),
        (lambda x: gc.argpartition(x, 1.5), "kth must be an integer"),
        (lambda x: gc.sort(x, 2), "axis 2 is out of range"),
        (lambda x: gc.sort(x[0, 0]), "axis -1 is out of range"),
        (lambda x: gc.lexsort([x, x[0]]), "requires keys of one shape"),
        (lambda x: gc.lexsort([]), "requires keys of one shape, got none"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(GraphcError, match=message) as error:
        call(gc.input("x", (3, 4)))
    assert "test_sorting.py" in str(error.value)


@pytest.mark.peer
def test_values_positions_and_gradients_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    calls: list[tuple[Any, Any]] = [
        (lambda x: gc.topk(x, 3), lambda x: torch.topk(x, 3)),
        (lambda x: gc.topk(x, 2, 1, False), lambda x: torch.topk(x, 2, 1, False)),
        (lambda x: gc.topk(x, 1, 0), lambda x: torch.topk(x, 1, 0)),
        (lambda x: gc.kthvalue(x, 2), lambda x: torch.kthvalue(x, 2)),
        (lambda x: gc.kthvalue(x, 3, 1, True), lambda x: torch.kthvalue(x, 3, 1, True)),
        (
            lambda x: (gc.sort(x, 1, descending=True), gc.argsort(x, 1)),
            lambda x: (torch.sort(x, 1, descending=True)[0], torch.argsort(x, 1)),
        ),
    ]
    x = gc.input("x", X.shape, "float64")
    for ours, theirs in calls:
        values, indices = ours(x)
        given = torch.tensor(X, requires_grad=True)
        expected = theirs(given)
        weight = np.arange(1.0, expected[0].numel() + 1).reshape(expected[0].shape)
        (expected[0] * torch.tensor(weight)).sum().backward()
        slope = gc.grad(gc.sum(values * weight), x)
        found = gc.evaluate([values, indices, slope], {"x": X})
        for actual, wanted in zip(found, [*expected, given.grad], strict=True):
            np.testing.assert_array_equal(actual, wanted.detach().numpy())
