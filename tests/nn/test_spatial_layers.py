"""Layers of convolutions and pooling: names, starts, mistakes, and torch's outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError

RNG = np.random.default_rng(0)


def test_unnamed_layers_are_numbered() -> None:
    model = gc.nn.Sequential(
        gc.nn.Conv2d(1, 6, 5, padding=2),
        gc.nn.ReLU(),
        gc.nn.MaxPool2d(2),
        gc.nn.Conv2d(6, 16, 5),
        gc.nn.Flatten(),
    )
    y = model(gc.input("x", ("batch", 1, 28, 28)))
    assert y.shape == ("batch", 1600)
    assert [parameter.name for parameter in model.parameters] == [
        "conv2d_1.weight",
        "conv2d_1.bias",
        "conv2d_2.weight",
        "conv2d_2.bias",
    ]
    assert repr(model[0]) == (
        "Conv2d(in_channels=1, out_channels=6, kernel_size=(5, 5), stride=(1, 1), "
        "dilation=(1, 1), padding=2)"
    )


@pytest.mark.parametrize(
    ("layer", "shape", "bound"),
    [
        (gc.nn.Conv2d(8, 64, 3, name="a"), (64, 8, 3, 3), 72),
        (gc.nn.Conv1d(8, 64, 9, groups=2, name="b"), (64, 4, 9), 36),
        (gc.nn.ConvTranspose2d(64, 8, 3, name="c"), (64, 8, 3, 3), 72),
    ],
)
def test_starts_are_torchs(layer: Any, shape: Any, bound: float) -> None:
    weight, bias = gc.evaluate(layer.parameters, {})
    assert weight.shape == shape
    assert bias.shape == (layer.out_channels,)
    limit = 1 / np.sqrt(bound)
    for start in (weight, bias):
        assert 0.8 * limit < np.abs(start).max() <= limit
    np.testing.assert_allclose(weight.std(), limit / np.sqrt(3), rtol=0.1)


def test_starts_by_fans_are_told_the_layout() -> None:
    layer = gc.nn.ConvTranspose2d(64, 8, 3, weight_init=gc.init.he_normal(), name="a")
    weight = gc.evaluate(layer.weight, {})
    np.testing.assert_allclose(weight.std(), np.sqrt(2 / (64 * 9)), rtol=0.05)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: gc.nn.Conv2d(0, 6, 5), "in_channels"),
    (lambda: gc.nn.Conv2d(1, 6, (5, 5, 5)), "kernel_size"),
    (lambda: gc.nn.Conv2d(3, 6, 5, groups=2), "multiple of groups"),
    (lambda: gc.nn.Conv2d(1, 6, 5, padding="full"), "valid"),
    (lambda: gc.nn.Conv2d(1, 6, 5, stride=2, padding="same"), "stride 1"),
    (lambda: gc.nn.Conv2d(1, 6, 5, padding_mode="edge"), "padding_mode"),
    (lambda: gc.nn.Conv2d(1, 6, 5, bias=False, bias_init=0.0), "without bias"),
    (lambda: gc.nn.ConvTranspose2d(1, 6, 5, padding_mode="reflect"), "zeros"),
    (lambda: gc.nn.MaxPool2d(2, return_indices=True), "return_indices"),
    (lambda: gc.nn.Unflatten(1, 4), "unflattened_size"),
    (lambda: gc.nn.ZeroPad2d((1, 2)), "4 of them"),
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes(number: int) -> None:
    mistake, part = MISTAKES[number]
    with pytest.raises(GraphcError, match=part):
        mistake()


CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Conv1d", (4, 6, 3), {"padding": 2, "padding_mode": "circular"}, (2, 4, 9)),
    ("Conv2d", (4, 6, 3), {"stride": 2, "padding": 1, "bias": False}, (2, 4, 7, 6)),
    ("Conv2d", (4, 6, 3), {"padding": "same", "groups": 2}, (2, 4, 7, 6)),
    (
        "Conv2d",
        (4, 6, (3, 2)),
        {"padding": (2, 1), "padding_mode": "reflect"},
        (2, 4, 7, 6),
    ),
    (
        "Conv2d",
        (4, 6, 3),
        {"padding": "same", "padding_mode": "replicate"},
        (2, 4, 7, 6),
    ),
    ("Conv3d", (2, 3, 2), {"dilation": 2}, (2, 2, 4, 5, 4)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1}, (2, 4, 5)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1}, (2, 4, 5, 4)),
    ("ConvTranspose3d", (4, 6, 2), {"groups": 2}, (2, 4, 2, 3, 2)),
    ("MaxPool1d", (2,), {}, (2, 3, 9)),
    ("MaxPool2d", (3, 2), {"padding": 1, "ceil_mode": True}, (2, 3, 7, 6)),
    ("MaxPool3d", (2,), {}, (2, 3, 4, 5, 4)),
    ("AvgPool1d", (2,), {}, (2, 3, 9)),
    ("AvgPool2d", (3, 2), {"padding": 1, "count_include_pad": False}, (2, 3, 7, 6)),
    ("AvgPool3d", (2,), {}, (2, 3, 4, 5, 4)),
    ("LPPool1d", (2, 3), {}, (2, 3, 9)),
    ("LPPool2d", (2, 3), {}, (2, 3, 7, 6)),
    ("LPPool3d", (2, 2), {}, (2, 3, 4, 5, 4)),
    ("AdaptiveAvgPool1d", (2,), {}, (2, 3, 9)),
    ("AdaptiveAvgPool2d", ((3, None),), {}, (2, 3, 7, 6)),
    ("AdaptiveAvgPool3d", (2,), {}, (2, 3, 4, 5, 4)),
    ("AdaptiveMaxPool1d", (2,), {}, (2, 3, 9)),
    ("AdaptiveMaxPool2d", (2,), {}, (2, 3, 7, 6)),
    ("AdaptiveMaxPool3d", (2,), {}, (2, 3, 4, 5, 4)),
    ("Upsample", (), {"scale_factor": 2, "mode": "bilinear"}, (2, 3, 4, 5)),
    ("PixelShuffle", (2,), {}, (2, 8, 3, 2)),
    ("PixelUnshuffle", (2,), {}, (2, 2, 4, 6)),
    ("ChannelShuffle", (2,), {}, (2, 6, 3, 2)),
    ("Unfold", (2,), {"stride": 2}, (2, 3, 6, 4)),
    ("Fold", ((4, 5), 2), {}, (2, 12, 12)),
    ("Unflatten", (1, (2, 3)), {}, (2, 6, 4)),
    *(
        (f"{kind}Pad{count}d", (tuple(range(2 * count)), *value), {}, (2, 3, 7, 8, 9))
        for count in (1, 2, 3)
        for kind, value in (("Zero", ()), ("Constant", (1.5,)))
    ),
    *(
        (f"{kind}Pad{n}d", ((2, 1, 0, 3, 1, 2)[: 2 * n],), {}, (2, 3, 5, 6, 4)[: n + 2])
        for n in (1, 2, 3)
        for kind in ("Reflection", "Replication", "Circular")
    ),
]


@pytest.mark.peer
def test_layers_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    for name, arguments, options, shape in CALLS:
        x = RNG.normal(size=shape).astype("float32")
        if name.startswith("LPPool"):
            x = np.abs(x)
        module = getattr(torch.nn, name)(*arguments, **options)
        layer = getattr(gc.nn, name)(*arguments, **options)
        y = layer(gc.input("x", shape))
        weights = {
            f"{layer.name}.{part}": value.detach().numpy()
            for part, value in module.named_parameters()
        }
        found = gc.evaluate(y, {"x": x}, parameters=weights)
        expected = module(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(found, expected, 1e-5, 1e-5, err_msg=name)
