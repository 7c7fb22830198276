"""Functions over spatial axes against torch, over many combinations of arguments."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gc

torch = pytest.importorskip("torch")
functional = pytest.importorskip("torch.nn.functional")

pytestmark = pytest.mark.peer

Call = tuple[list[tuple[int, ...]], dict[str, Any]]
SPATIAL = ((9,), (7, 6), (5, 4, 6))
KERNELS = ((3,), (3, 2), (2, 1, 3))


def _batches(*shape: int) -> list[tuple[int, ...]]:
    return [(2, *shape), shape]


def _convolutions(count: int) -> Iterator[Call]:
    spatial, kernel = SPATIAL[count - 1], KERNELS[count - 1]
    options = itertools.product(
        (1, 2, (2, 1, 3)[:count]),
        (0, 2, (1, 0, 2)[:count], "same", "valid"),
        (1, 2),
        (1, 2),
    )
    for number, (stride, padding, dilation, groups) in enumerate(options):
        if padding == "same" and stride != 1:
            continue
        weight = (4, 4 // groups, *(kernel if dilation == 1 else (2,) * count))
        bias = [(4,)] if number % 2 else []
        x = _batches(4, *spatial)[number % 3 == 0]
        yield (
            [x, weight, *bias],
            {"stride": stride, "padding": padding, "dilation": dilation}
            | {"groups": groups},
        )


def _transposed(count: int) -> Iterator[Call]:
    spatial, kernel = SPATIAL[count - 1], KERNELS[count - 1]
    options = itertools.product(
        (1, 2, (2, 1, 3)[:count]), (0, 1), (0, 1), (1, 2), (1, 2)
    )
    for number, (stride, padding, extra, dilation, groups) in enumerate(options):
        if extra and stride != 2 and dilation != 2:
            continue
        bias = [(6,)] if number % 2 else []
        x = _batches(4, *spatial)[number % 3 == 0]
        yield (
            [x, (4, 6 // groups, *kernel), *bias],
            {"stride": stride, "padding": padding, "output_padding": extra}
            | {"dilation": dilation, "groups": groups},
        )


def _maxima(count: int) -> Iterator[Call]:
    options = itertools.product(
        (2, 3, (3, 2, 1)[:count]), (None, 1, 2, 3), (0, 1), (1, 2), (False, True)
    )
    for kernel, stride, padding, dilation, ceil_mode in options:
        if padding and kernel not in (2, 3):
            continue
        if count == 3 and dilation == 2:
            continue
        yield (
            [(2, 3, *SPATIAL[count - 1])],
            {"kernel_size": kernel, "stride": stride, "padding": padding}
            | {"dilation": dilation, "ceil_mode": ceil_mode},
        )


def _means(count: int) -> Iterator[Call]:
    options = itertools.product(
        (2, 3), (None, 1, 2, 3), (0, 1), (False, True), (False, True)
    )
    for kernel, stride, padding, ceil_mode, include in options:
        given = {"kernel_size": kernel, "stride": stride, "padding": padding}
        given |= {"ceil_mode": ceil_mode, "count_include_pad": include}
        yield [(2, 3, *SPATIAL[count - 1])], given
        if count > 1:
            yield [(3, *SPATIAL[count - 1])], {**given, "divisor_override": 5}


def _adaptive(count: int) -> Iterator[Call]:
    sizes = (1, 2, 3, 5, (3, None, 2)[:count], (1, 4, 3)[:count])
    for number, size in enumerate(sizes):
        x = _batches(3, *SPATIAL[count - 1])[number % 2]
        # torch wants as many sizes as axes, even for one.
        yield [x], {"output_size": size if count > 1 or size != (3,) else 3}


def _norms(count: int) -> Iterator[Call]:
    for norm, kernel, stride, ceil_mode in itertools.product(
        (2, 3.0), (2, 3), (None, 1), (False, True)
    ):
        options = {"norm_type": norm, "kernel_size": kernel, "stride": stride}
        yield [(2, 3, *SPATIAL[count - 1])], options | {"ceil_mode": ceil_mode}


def _interpolated(count: int) -> Iterator[Call]:
    x = (2, 3, *SPATIAL[count - 1])
    linear = ("linear", "bilinear", "trilinear")[count - 1]
    sizes: list[dict[str, Any]] = [
        {"size": 5},
        {"size": (13, 3, 8)[:count]},
        {"scale_factor": 2},
        {"scale_factor": 1.7},
        {"scale_factor": (0.5, 2.3, 1.0)[:count]},
        {"scale_factor": 1.7, "recompute_scale_factor": True},
    ]
    for given in sizes:
        for mode in ("nearest", "nearest-exact", "area"):
            yield [x], {**given, "mode": mode}
        for align in (False, True):
            yield [x], {**given, "mode": linear, "align_corners": align}
            if count == 2:
                yield [x], {**given, "mode": "bicubic", "align_corners": align}

    # Where sizes stay the same, torch copies in some modes; in the others its gradient
    # is that of a copy, though its value is not one.
    same = {"scale_factor": 1.12}
    yield [x], {**same, "mode": linear}
    if count == 2:
        yield [x], {**same, "mode": "nearest"}


def _padded() -> Iterator[Call]:
    for widths in ((1, 2), (2, 0, 1, 3), (-1, 2, 0, -2), (1, 1, 2, 2, 0, 1)):
        yield [(2, 3, 4, 5)], {"pad": widths}
        yield [(2, 3, 4, 5)], {"pad": widths, "value": 1.5}
    for mode in ("reflect", "replicate", "circular"):
        yield [(3, 5)], {"pad": (2, 1), "mode": mode}
        yield [(2, 3, 4, 5)], {"pad": (2, 1, 0, 3), "mode": mode}
        yield [(2, 3, 4, 5, 4)], {"pad": (2, 1, 0, 3, 1, 1), "mode": mode}
    yield [(3, 5)], {"pad": (2, -1), "mode": "replicate"}


def _sampled() -> Iterator[Call]:
    for mode, border, align in itertools.product(
        ("bilinear", "nearest", "bicubic"),
        ("zeros", "border", "reflection"),
        (False, True, None),
    ):
        options = {"mode": mode, "padding_mode": border, "align_corners": align}
        yield [(2, 3, 4, 5), (2, 3, 4, 2)], options
        if mode != "bicubic":
            yield [(2, 3, 4, 5, 3), (2, 3, 2, 1, 3)], options


def _unfolded() -> Iterator[Call]:
    for kernel, dilation, padding, stride in itertools.product(
        (2, (3, 2)), (1, 2), (0, (1, 2)), (1, (2, 1))
    ):
        yield (
            [(2, 3, 6, 5)],
            {"kernel_size": kernel, "dilation": dilation}
            | {"padding": padding, "stride": stride},
        )


def _folded() -> Iterator[Call]:
    for _, options in _unfolded():
        columns = functional.unfold(torch.zeros(2, 3, 6, 5), **options)
        yield [tuple(columns.shape)], {"output_size": (6, 5), **options}
        yield [tuple(columns.shape[1:])], {"output_size": (6, 5), **options}


def _calls() -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {}
    for count in (1, 2, 3):
        found[f"conv{count}d"] = [*_convolutions(count)]
        found[f"conv_transpose{count}d"] = [*_transposed(count)]
        found[f"max_pool{count}d"] = [*_maxima(count)]
        found[f"avg_pool{count}d"] = [*_means(count)]
        found[f"lp_pool{count}d"] = [*_norms(count)]
        found[f"adaptive_avg_pool{count}d"] = [*_adaptive(count)]
        found[f"adaptive_max_pool{count}d"] = [*_adaptive(count)]
    found["interpolate"] = [
        call for count in (1, 2, 3) for call in _interpolated(count)
    ]
    found["pad"] = [*_padded()]
    found["grid_sample"] = [*_sampled()]
    found["affine_grid"] = [
        ([(2, 2, 3)], {"size": (2, 3, 4, 1), "align_corners": align})
        for align in (False, True)
    ] + [
        ([(2, 3, 4)], {"size": (2, 3, 4, 1, 5), "align_corners": align})
        for align in (False, True)
    ]
    found["unfold"], found["fold"] = [*_unfolded()], [*_folded()]
    found["pixel_shuffle"] = [([(2, 8, 3, 2)], {"upscale_factor": 2})]
    found["pixel_unshuffle"] = [([(2, 2, 6, 3)], {"downscale_factor": 3})]
    found["channel_shuffle"] = [([(2, 6, 3)], {"groups": 3})]
    return found


CALLS = _calls()


def _agree(name: str, shapes: list[tuple[int, ...]], options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.permutation(int(np.prod(s))).reshape(s) / 10.0 - 1 for s in shapes]
    if name == "grid_sample":
        arrays[1] = rng.uniform(-2.5, 2.5, shapes[1])
    nodes = [gc.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = getattr(functional, name)(*tensors, **options)
    output = getattr(gc.nn, name)(*nodes, **options)
    assert output.shape == tuple(expected.shape)
    cotangent = rng.normal(size=output.shape)
    expected.backward(torch.tensor(cotangent))
    feeds = {f"x{i}": a for i, a in enumerate(arrays)}
    value, slopes = gc.evaluate(
        [output, gc.vjp(output, nodes, cotangent, unused="zeros")], feeds
    )
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-9, atol=1e-9)
    for slope, tensor in zip(slopes, tensors, strict=True):
        np.testing.assert_allclose(slope, tensor.grad.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.filterwarnings("ignore:Default grid_sample")
@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid")
@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients(name: str) -> None:
    for shapes, options in CALLS[name]:
        try:
            _agree(name, shapes, options)
        except Exception as error:
            error.add_note(f"gc.nn.{name} of {shapes} with {options}")
            raise


@pytest.mark.parametrize("count", [1, 2, 3])
def test_positions_of_maxima(count: int) -> None:
    array = np.random.default_rng(0).integers(0, 4, (2, 3, *SPATIAL[count - 1])) * 1.0
    for kernel, stride, padding, ceil_mode in itertools.product(
        (2, 3), (1, 2), (0, 1), (False, True)
    ):
        options = {"kernel_size": kernel, "stride": stride, "padding": padding}
        options |= {"ceil_mode": ceil_mode, "return_indices": True}
        expected = getattr(functional, f"max_pool{count}d")(
            torch.tensor(array), **options
        )
        found = getattr(gc.nn, f"max_pool{count}d")(array, **options)
        for mine, theirs in zip(gc.evaluate([*found], {}), expected, strict=True):
            np.testing.assert_array_equal(mine, theirs.numpy())
