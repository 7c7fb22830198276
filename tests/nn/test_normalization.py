"""Normalisation: structure, errors, and places where torch is no oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OptionError, ShapeError, UnsupportedError
from graphc.ir import Graph
from graphc.ir.graph import expand
from graphc.nn.batch_norm import batch_statistics

POINTS = np.random.default_rng(0).normal(2.0, 3.0, (6, 4, 5))


def _x(*shape: Any) -> gc.Node:
    return gc.input("x", shape or ("batch", 4, 5), "float64")


def test_batch_norm_makes_channels_standard() -> None:
    y = gc.nn.batch_norm(_x(), None, None, training=True, eps=0.0)
    value = gc.evaluate(y, {"x": POINTS})
    np.testing.assert_allclose(value.mean(axis=(0, 2)), 0.0, atol=1e-14)
    np.testing.assert_allclose(value.var(axis=(0, 2)), 1.0, rtol=1e-12)


def test_statistics_of_a_batch_are_those_that_it_is_normalised_by() -> None:
    """They are computed once, where a program keeps a running mean of them."""
    x = _x()
    y = gc.nn.batch_norm(x, None, None, training=True)
    mean, variance = batch_statistics(x)
    found = gc.evaluate([mean, variance], {"x": POINTS})
    np.testing.assert_allclose(found[0], POINTS.mean(axis=(0, 2)), rtol=1e-13)
    np.testing.assert_allclose(found[1], POINTS.var(axis=(0, 2)), rtol=1e-13)
    sources = [gc.compile(nodes).source for nodes in ([y], [y, mean, variance])]
    assert sources[0].count("np.square") == sources[1].count("np.square") == 1


def test_running_statistics_are_used_in_evaluation() -> None:
    mean, variance = np.arange(4.0), np.arange(4.0) + 1.0
    y = gc.nn.batch_norm(_x(), mean, variance, eps=0.0)
    expected = (POINTS - mean[:, None]) / np.sqrt(variance)[:, None]
    np.testing.assert_allclose(gc.evaluate(y, {"x": POINTS}), expected, rtol=1e-13)


def test_rms_norm_is_without_mean() -> None:
    y = gc.nn.rms_norm(_x(), (4, 5), eps=0.0)
    assert "subtract" not in {node.op.name for node in expand(Graph((y,)))}
    value = gc.evaluate(y, {"x": POINTS})
    np.testing.assert_allclose((value**2).mean(axis=(1, 2)), 1.0, rtol=1e-13)


def test_group_norm_starts_at_the_identity() -> None:
    layer = gc.nn.GroupNorm(2, 4, name="norm", dtype="float64")
    x = _x()
    values = gc.evaluate([layer(x), gc.nn.group_norm(x, 2)], {"x": POINTS})
    np.testing.assert_array_equal(*values)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda x: gc.nn.batch_norm(x, None, None), OptionError, "running_mean and"),
        (
            lambda x: gc.nn.batch_norm(x, np.ones(3), np.ones(4)),
            ShapeError,
            "running_mean of shape (4,), got (3,)",
        ),
        (
            lambda x: gc.nn.batch_norm(x, None, None, training=True, eps=-1.0),
            OptionError,
            "eps must not be negative",
        ),
        (lambda x: gc.nn.batch_norm(x[:, 0, 0], 0, 0), ShapeError, "(batch, channels"),
        (lambda x: gc.nn.group_norm(x, 3), OptionError, "divides the 4 channels"),
        (lambda x: gc.nn.GroupNorm(3, 4), OptionError, "divides num_channels"),
        (lambda x: gc.nn.instance_norm(x[:, :, 0]), ShapeError, "(batch, channels, le"),
        (lambda x: gc.nn.InstanceNorm2d(4)(x[0]), ShapeError, "and 2 more"),
        (lambda x: gc.nn.InstanceNorm2d(7)(x), ShapeError, "7 channels, which are ax"),
        (lambda x: gc.nn.BatchNorm1d(3)(x), ShapeError, "3 channels, which are axis 1"),
        (lambda x: gc.nn.GroupNorm(3, 3)(x), ShapeError, "3 channels, which are axis"),
        (
            lambda x: gc.nn.InstanceNorm1d(4, track_running_stats=True),
            UnsupportedError,
            "not tracked",
        ),
        (lambda x: gc.nn.rms_norm(x, (4,)), ShapeError, "last axes are (4,)"),
        (lambda x: gc.nn.rms_norm(x > 0, (4, 5)), DTypeError, "floating"),
        (lambda x: gc.nn.local_response_norm(x, 0), OptionError, "size must be"),
        (lambda x: gc.nn.normalize(x, dim=3), IndexError, "dim 3 is out of range"),
        (lambda x: gc.nn.normalize(x, p=-1.0), OptionError, "p must be a number"),
        (lambda x: gc.nn.cdist(x, np.ones((2, 3))), ShapeError, "one number of feat"),
        (lambda x: gc.nn.pdist(x), ShapeError, "known number of rows"),
        (lambda x: gc.nn.cosine_similarity(x, x, 5), IndexError, "dim 5"),
        (lambda x: gc.nn.pairwise_distance(x, x, -1), OptionError, "p must be"),
    ],
)
def test_errors_say_what_and_where(call: Any, error: Any, says: str) -> None:
    with pytest.raises(error) as caught:
        call(_x())
    assert says in str(caught.value)
    assert __file__ in str(caught.value)


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 2.0, 3.0, np.inf])
def test_distances_of_equal_rows_have_gradient_0(p: float) -> None:
    x = gc.input("x", (3, 2), "float64")
    y = gc.nn.cdist(x, x, p)
    rows = np.array([[1.0, 2.0], [1.0, 2.0], [4.0, 2.0]])
    value, slope = gc.evaluate([y, gc.grad(y[0, 1], x)], {"x": rows})
    assert value[0, 1] == 0.0
    assert not slope.any()


def test_an_instance_may_stand_alone() -> None:
    x = np.random.default_rng(0).normal(size=(4, 5))
    layer = gc.nn.InstanceNorm1d(4, affine=True, dtype="float64")
    alone, first = gc.evaluate([layer(x), layer(x[None])], {})
    np.testing.assert_array_equal(alone, first[0])


@pytest.mark.parametrize("number", [0.0, 1e-7, 3.0, 6e4])
def test_directions_in_half_precision_are_numbers(number: float) -> None:
    x = gc.input("x", (1, 4), "float16")
    array = np.full((1, 4), number, "float16")
    for node in (
        gc.nn.normalize(x),
        gc.nn.normalize(x, p=1.0),
        gc.nn.cosine_similarity(x, 2.0 * gc.minimum(x, 100.0)),
    ):
        assert node.dtype == "float16"
        value, slope = gc.compile([node, gc.grad(gc.sum(node), x)])(x=array)
        assert np.isfinite(value).all()
        assert bool(value.any()) == bool(number)
        assert not np.isnan(slope).any()
