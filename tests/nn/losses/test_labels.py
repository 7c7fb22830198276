"""Bounds of the labels that losses allow."""

from __future__ import annotations

from typing import Any

import graphc as gc
from graphc.ir import Graph
from graphc.ir.labels import LabelBounds, label_bounds
from tests.nn.losses.support import nodes


def _bounds(*outputs: Any) -> dict[str, LabelBounds]:
    bounds = label_bounds(Graph(outputs))
    return {str(node.name): found for node, found in bounds.items()}


def test_bounds_of_labels_that_are_fed() -> None:
    logits, labels = nodes()
    loss = gc.nn.cross_entropy(logits, labels)
    assert _bounds(loss) == {"labels": LabelBounds(0, 3, None)}
    assert _bounds(gc.nn.nll_loss(gc.log(logits), labels)) == _bounds(loss)
    assert _bounds(2 * loss, gc.grad(loss, logits)) == _bounds(loss)
    assert _bounds(gc.nn.mse_loss(logits, logits)) == {}


def test_bounds_see_through_changes_of_shape() -> None:
    logits = gc.input("logits", (6, 4))
    labels = gc.input("labels", (2, 3, 1), "int32")
    flat = labels.squeeze(2).astype("int64").reshape(6)
    assert _bounds(gc.nn.cross_entropy(logits, flat)) == {
        "labels": LabelBounds(0, 3, None)
    }


def test_bounds_see_through_shifts_and_casts() -> None:
    """By hand: which labels the loss of four classes gets from which inputs."""
    logits, labels = nodes()
    for computed, expected in [
        (labels - 1, LabelBounds(1, 4, None)),
        (labels + 1, LabelBounds(-1, 2, None)),
        (2 + labels, LabelBounds(-2, 1, None)),
        ((labels - 1).astype("int32") - 3, LabelBounds(4, 7, None)),
        (gc.where(labels != 9, labels, 0), LabelBounds(0, 3, 9)),
        (gc.where(labels == 9, 2, labels), LabelBounds(0, 3, 9)),
        (gc.where(labels != 9, labels, 5), None),
        (gc.where(labels > 3, 0, labels), None),
        (gc.clip(labels, 0, 3), None),
        (labels % 4, None),
        (labels * 2, None),
    ]:
        found = _bounds(gc.nn.cross_entropy(logits, computed))
        assert found == ({} if expected is None else {"labels": expected})
    loss = gc.nn.cross_entropy(logits, labels, ignore_index=-1)
    # The gradient alone, where there is no loss any more.
    assert _bounds(gc.grad(loss, logits)) == {"labels": LabelBounds(0, 3, -1)}
    shifted = gc.nn.cross_entropy(logits, labels - 1, ignore_index=-1)
    assert _bounds(shifted) == {"labels": LabelBounds(1, 4, 0)}
    unsigned = gc.input("labels", ("batch",), "uint8")
    loss = gc.nn.cross_entropy(logits, unsigned - 1)
    assert _bounds(loss) == {"labels": LabelBounds(1, 4, None)}


def test_bounds_allow_what_is_ignored() -> None:
    logits, labels = nodes()
    loss = gc.nn.cross_entropy(logits, labels, ignore_index=-1)
    assert _bounds(loss) == {"labels": LabelBounds(0, 3, -1)}
    both = _bounds(loss, gc.nn.cross_entropy(logits, labels))
    assert both == {"labels": LabelBounds(0, 3, None)}


def test_the_narrowest_bounds_hold() -> None:
    logits, labels = nodes()
    few = gc.nn.cross_entropy(logits[:, :2], labels)
    assert _bounds(few, gc.nn.cross_entropy(logits, labels)) == {
        "labels": LabelBounds(0, 1, None)
    }
