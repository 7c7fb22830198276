"""Different elements of an array, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError

ARRAYS = (
    np.array([[3.0, 1.0, np.nan], [3.0, 0.0, np.nan]]),
    np.array([[5, 5], [-1, 5]]),
    np.zeros((1, 1), "float32"),
    np.array([[True, False], [True, True]]),
)


def _everywhere(nodes: Any, **feeds: Any) -> list[Any]:
    compiled = [gc.compile(nodes, style=s)(**feeds) for s in ("readable", "fast")]
    return [gc.evaluate(nodes, feeds), *compiled]


@pytest.mark.parametrize("named", [True, False])
def test_elements_are_numpys(named: bool) -> None:
    for array in ARRAYS:
        x = gc.input(
            "x", ("n", *array.shape[1:]) if named else array.shape, array.dtype
        )
        expected = np.unique(array, True, True, True)
        for size in (1, 2, 4, 9):
            whole = gc.unique(x, True, True, True, size=size, fill_value=0)
            pair = gc.unique_counts(x, size=size)
            count = min(size, len(expected[0]))
            for found in _everywhere([*whole, *pair], x=array):
                values, index, inverse, counts, others, their_counts = found
                assert values.dtype == array.dtype
                for ours, theirs in zip(
                    (values, index, counts, others, their_counts),
                    (*expected[:2], expected[3], expected[0], expected[3]),
                    strict=True,
                ):
                    assert ours.shape == (size,)
                    np.testing.assert_array_equal(ours[:count], theirs[:size])
                places = np.minimum(expected[2], size).reshape(array.shape)
                np.testing.assert_array_equal(inverse, places)
                assert not values[count:].any()
                assert not counts[count:].any()
                assert (others[count:] == expected[0][0]).all()


def test_no_elements() -> None:
    values, counts = gc.evaluate([*gc.unique_counts(np.zeros(0), size=2)], {})
    np.testing.assert_array_equal(values, [0.0, 0.0])
    np.testing.assert_array_equal(counts, [0, 0])


@pytest.mark.parametrize("name", ["unique", "unique_counts"])
def test_a_size_is_required(name: str) -> None:
    with pytest.raises(GraphcError, match=f"the size of {name} depends") as error:
        getattr(gc, name)(gc.input("x", (3,)))
    assert "test_sets.py" in str(error.value)
