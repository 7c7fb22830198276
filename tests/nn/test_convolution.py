"""Convolutions and pooling: loops as a reference, mistakes, sizes with names."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError

RNG = np.random.default_rng(0)


def _convolved(x: Any, w: Any, stride: int, padding: int, dilation: int) -> Any:
    """A convolution by its definition, one product after another."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    reach = [(size - 1) * dilation + 1 for size in w.shape[2:]]
    sizes = [(n - r) // stride + 1 for n, r in zip(x.shape[2:], reach, strict=True)]
    out = np.zeros((x.shape[0], w.shape[0], *sizes))
    for n, o, i, j in np.ndindex(out.shape):
        for c, k, m in np.ndindex(w.shape[1:]):
            place = (stride * i + dilation * k, stride * j + dilation * m)
            out[n, o, i, j] += w[o, c, k, m] * x[n, c, *place]
    return out


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_conv2d_is_its_definition(style: str) -> None:
    for stride, padding, dilation in itertools.product((1, 2), (0, 1), (1, 2)):
        x = gc.input("x", ("batch", 2, 6, 5))
        w = gc.input("w", (3, 2, 3, 2))
        y = gc.nn.conv2d(x, w, stride=stride, padding=padding, dilation=dilation)
        function = gc.compile(y, style=style)
        for batch in (1, 3):
            arrays = RNG.integers(-3, 4, (batch, 2, 6, 5)), RNG.integers(-3, 4, w.shape)
            given = [a.astype(np.float32) for a in arrays]
            expected = _convolved(*arrays, stride, padding, dilation)
            np.testing.assert_array_equal(function(x=given[0], w=given[1]), expected)


def test_a_transposed_convolution_is_the_adjoint() -> None:
    x, w = RNG.normal(size=(2, 3, 5, 4)), RNG.normal(size=(6, 3, 3, 2))
    y = RNG.normal(size=(2, 6, 3, 3))
    node = gc.input("x", x.shape, "float64")
    pulled = gc.vjp(gc.nn.conv2d(node, w), node, y)
    back = gc.nn.conv_transpose2d(y, w)
    np.testing.assert_allclose(*gc.evaluate([pulled, back], {}), rtol=1e-12)


def test_sizes_of_images_may_be_named() -> None:
    x = gc.input("x", ("batch", 1, "height", "width"), "float64")
    y = gc.nn.max_pool2d(gc.nn.conv2d(x, np.ones((1, 1, 3, 3)), padding=1), 2)
    gradient = gc.grad(gc.sum(y), x)
    given = RNG.normal(size=(2, 1, 5, 7))
    assert gc.evaluate(y, {"x": given}).shape == (2, 1, 2, 3)
    for style in ("readable", "fast"):
        found = gc.compile(gradient, style=style)(x=given)
        np.testing.assert_allclose(found, gc.evaluate(gradient, {"x": given}))


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    x = gc.input("x", (1, 2, 4), "float64")
    y = gc.nn.max_pool2d(x, 2)
    given = np.array([[[1.0, 3.0, 5.0, 5.0], [3.0, 3.0, 5.0, 5.0]]])
    found = gc.evaluate(gc.grad(gc.sum(y), x), {"x": given})
    assert found.tolist() == [[[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]


def _x(*shape: Any) -> Any:
    return gc.input("x", shape or (2, 3, 8, 8))


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 2, 3, 3))), "2 channels.*got 3"),
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 3, 3))), "weight of shape"),
    (lambda: gc.nn.conv2d(_x(8, 8), np.ones((4, 3, 3, 3))), "batch, channels"),
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 3, 9, 9))), "as large as the kernel"),
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 3, 0, 1))), "positive"),
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 3, 3, 3)), np.ones(3)), "bias"),
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 1, 3, 3)), groups=3), "groups"),
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 3, 3, 3)), stride=0), "stride"),
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 3, 3, 3)), stride=(1, 2, 3)), "stride"),
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 3, 3, 3)), padding="full"), "valid"),
    (
        lambda: gc.nn.conv2d(_x(), np.ones((4, 3, 3, 3)), stride=2, padding="same"),
        "stride 1",
    ),
    (lambda: gc.nn.conv2d(_x(), np.ones((4, 3, 3, 3), int)), "floating"),
    (lambda: gc.nn.conv_transpose2d(_x(), np.ones((4, 2, 3, 3))), "4 channels"),
    (
        lambda: gc.nn.conv_transpose2d(_x(), np.ones((3, 2, 3, 3)), output_padding=1),
        "output_padding",
    ),
    (
        lambda: gc.nn.conv_transpose2d(
            _x(2, 3, 1, 1), np.ones((3, 2, 2, 2)), padding=1
        ),
        "positive sizes",
    ),
    (lambda: gc.nn.max_pool2d(_x(), 9), "windows that fit"),
    (lambda: gc.nn.max_pool2d(_x(), 2, padding=2), "half"),
    (lambda: gc.nn.max_pool2d(_x(8, 8), 2), "batch, channels"),
    (lambda: gc.nn.avg_pool2d(_x(), 2, divisor_override=0), "divisor_override"),
    (lambda: gc.nn.avg_pool2d(_x(), "2"), "kernel_size"),
    (lambda: gc.nn.lp_pool2d(_x(), 2, 9), "windows that fit"),
    (lambda: gc.nn.lp_pool2d(_x(), 0, 2), "norm_type"),
    (lambda: gc.nn.max_pool2d(_x(), 10**400), "less than"),
    (lambda: gc.nn.affine_grid(_x(2, 2, 3), 4), "tuple of sizes"),
    (lambda: gc.nn.adaptive_avg_pool2d(_x(), (1, 2, 3)), "output_size"),
    (lambda: gc.nn.adaptive_avg_pool2d(_x(), 0), "output_size"),
    (lambda: gc.nn.adaptive_max_pool2d(_x(2, 3, "h", 8), 3), "integer"),
    (lambda: gc.nn.interpolate(_x()), "either size or scale_factor"),
    (lambda: gc.nn.interpolate(_x(), 4, mode="cubic"), "mode must be"),
    (lambda: gc.nn.interpolate(_x(), 4, mode="linear"), "spatial axes"),
    (lambda: gc.nn.interpolate(_x(), 4, align_corners=True), "align_corners"),
    (lambda: gc.nn.interpolate(_x(), scale_factor=-1), "scale_factor"),
    (lambda: gc.nn.interpolate(_x(), scale_factor=0.1), "elements"),
    (lambda: gc.nn.interpolate(_x(), 4, antialias=True), "antialias"),
    (lambda: gc.nn.interpolate(_x(2, 3), 4), "one to three"),
    (lambda: gc.nn.interpolate(_x(2, 3, "h", 8), 4), "integer spatial"),
    (lambda: gc.nn.grid_sample(_x(), _x(2, 4, 4, 3)), "grid of shape"),
    (lambda: gc.nn.grid_sample(_x(), _x(2, 4, 4, 2), mode="cubic"), "mode must be"),
    (lambda: gc.nn.affine_grid(_x(2, 2, 2), (2, 1, 4, 4)), "theta of shape"),
    (lambda: gc.nn.affine_grid(_x(2, 2, 3), (2, 4)), "size of"),
    (lambda: gc.nn.pad(_x(), (1, 2, 3)), "two widths"),
    (lambda: gc.nn.pad(_x(), (1, 2), mode="edge"), "mode must be"),
    (lambda: gc.nn.pad(_x(), (1, 2), mode="circular", value=1.0), "value is for"),
    (lambda: gc.nn.pad(_x(), (9, 0), mode="reflect"), "as long as"),
    (lambda: gc.nn.pad(_x(), (-9, 0)), "take away"),
    (lambda: gc.nn.pixel_shuffle(_x(), 2), "4 divides"),
    (lambda: gc.nn.pixel_unshuffle(_x(), 3), "3 divides"),
    (lambda: gc.nn.channel_shuffle(_x(), 2), "2 divides"),
    (lambda: gc.nn.unfold(_x(), 9), "windows that fit"),
    (lambda: gc.nn.fold(_x(2, 5, 4), 3, 2), "multiple of 4"),
    (lambda: gc.nn.fold(_x(2, 4, 5), 3, 2), "4 windows"),
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes(number: int) -> None:
    mistake, part = MISTAKES[number]
    with pytest.raises(GraphcError, match=part) as caught:
        mistake()
    assert caught.value.location is not None
    assert __file__ in caught.value.location
