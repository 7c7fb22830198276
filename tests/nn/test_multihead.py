"""Attention of heads and transformers against torch, with torch's own weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.peer

RNG = np.random.default_rng(0)


def _module(name: str, *arguments: Any, **options: Any) -> tuple[Any, Any]:
    """A layer and a module of one name, with the weights of the module."""
    torch.manual_seed(0)
    module = getattr(torch.nn, name)(*arguments, **options).double().eval()
    layer = getattr(gc.nn, name)(*arguments, **options, dtype="float64")
    layer.load_state_dict(module.state_dict())
    return layer, module


def _compare(layer: Any, module: Any, arrays: list[Any], **options: Any) -> None:
    """All outputs, and gradients of the first by inputs and weights."""
    nodes = [gc.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    given = {
        key: torch.tensor(value) if isinstance(value, np.ndarray) else value
        for key, value in options.items()
    }
    inputs, others = _as_called(layer, nodes, tensors)
    mine, theirs = layer(*inputs, **options), module(*others, **given)
    if not isinstance(mine, tuple):
        mine, theirs = (mine,), (theirs,)
    cotangent = RNG.normal(size=tuple(theirs[0].shape))
    moving = [*tensors, *module.parameters()]
    gradients = torch.autograd.grad(
        theirs[0], moving, torch.tensor(cotangent), allow_unused=True
    )
    state = layer.state_dict()
    weights = [state[name] for name, _ in module.named_parameters()]
    pulled = gc.vjp(mine[0], [*nodes, *weights], cotangent, unused="zeros")
    known = [output for output in mine if output is not None]
    feeds = {f"x{i}": a for i, a in enumerate(arrays)}
    values, slopes = gc.evaluate([known, pulled], feeds)
    close = {"rtol": 1e-10, "atol": 1e-10}
    for value, expected in zip(values, theirs, strict=False):
        np.testing.assert_allclose(value, expected.detach().numpy(), **close)
    for slope, gradient in zip(slopes, gradients, strict=True):
        expected = 0.0 if gradient is None else gradient.numpy()
        np.testing.assert_allclose(slope, expected, **close)


def _as_called(layer: Any, nodes: Any, tensors: Any) -> tuple[Any, Any]:
    if isinstance(layer, gc.nn.MultiheadAttention):
        places = [0, 0, 0] if len(nodes) == 1 else [0, 1, 2]
        return [nodes[i] for i in places], [tensors[i] for i in places]
    return nodes, tensors


CAUSAL = np.triu(np.ones((4, 4), bool), 1)
PADDING = np.array(
    [[False, False, True, True], [False] * 4, [False, True, False, False]]
)

ATTENTION: list[tuple[dict[str, Any], list[tuple[int, ...]], dict[str, Any]]] = [
    ({}, [(4, 3, 6)], {}),
    ({"batch_first": True}, [(3, 4, 6)], {"key_padding_mask": PADDING}),
    ({"bias": False}, [(4, 3, 6)], {"attn_mask": CAUSAL}),
    ({"batch_first": True}, [(3, 4, 6)], {"average_attn_weights": False}),
    ({"batch_first": True}, [(3, 4, 6)], {"need_weights": False}),
    ({}, [(4, 6)], {"attn_mask": RNG.normal(size=(4, 4))}),
    (
        {"batch_first": True},
        [(3, 4, 6), (3, 4, 6), (3, 4, 6)],
        {
            "key_padding_mask": np.where(PADDING, -np.inf, 0.0),
            "attn_mask": RNG.normal(size=(6, 4, 4)),
        },
    ),
    ({"kdim": 5, "vdim": 3}, [(4, 3, 6), (7, 3, 5), (7, 3, 3)], {}),
    ({"add_bias_kv": True}, [(4, 3, 6)], {"key_padding_mask": PADDING}),
    (
        {"add_zero_attn": True, "add_bias_kv": True, "batch_first": True},
        [(3, 4, 6)],
        {"attn_mask": CAUSAL},
    ),
]


@pytest.mark.parametrize("number", range(len(ATTENTION)))
def test_multihead_attention(number: int) -> None:
    made, shapes, options = ATTENTION[number]
    layer, module = _module("MultiheadAttention", 6, 2, **made)
    _compare(layer, module, [RNG.normal(size=s) for s in shapes], **options)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_layers(norm_first: bool, activation: str) -> None:
    options = {"norm_first": norm_first, "activation": activation, "batch_first": True}
    layer, module = _module("TransformerEncoderLayer", 6, 2, 8, 0.0, **options)
    _compare(layer, module, [RNG.normal(size=(3, 4, 6))])
    layer, module = _module("TransformerEncoderLayer", 6, 2, 8, 0.0, **options)
    x = [RNG.normal(size=(3, 4, 6))]
    _compare(layer, module, x, src_mask=CAUSAL, src_key_padding_mask=PADDING)


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_layers(norm_first: bool) -> None:
    options = {"norm_first": norm_first, "bias": norm_first}
    layer, module = _module("TransformerDecoderLayer", 6, 2, 8, 0.0, **options)
    x = [RNG.normal(size=(4, 3, 6)), RNG.normal(size=(5, 3, 6))]
    _compare(layer, module, x, tgt_mask=CAUSAL)


def test_stacks_of_layers() -> None:
    for kind in ("Encoder", "Decoder"):
        arrays = [RNG.normal(size=(3, 4, 6))] * (1 if kind == "Encoder" else 2)
        stacks = []
        for library, options in ((gc.nn, {"dtype": "float64"}), (torch.nn, {})):
            layer = getattr(library, f"Transformer{kind}Layer")(
                6, 2, 8, 0.0, batch_first=True, **options
            )
            norm = library.LayerNorm(6, **options)
            stacks.append(getattr(library, f"Transformer{kind}")(layer, 2, norm))
        module = stacks[1].double().eval()
        stacks[0].load_state_dict(module.state_dict())
        _compare(stacks[0], module, arrays)


def test_a_whole_transformer() -> None:
    layer, module = _module("Transformer", 6, 2, 1, 1, 8, 0.0, batch_first=True)
    arrays = [RNG.normal(size=(3, 5, 6)), RNG.normal(size=(3, 4, 6))]
    mask = gc.nn.Transformer.generate_square_subsequent_mask(4).astype("float64")
    expected = module.generate_square_subsequent_mask(4)
    np.testing.assert_array_equal(mask, expected.numpy())
    _compare(layer, module, arrays, tgt_mask=mask)


def test_layers_start_as_torchs() -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {"dim_feedforward": 96}
    module = torch.nn.TransformerDecoderLayer(64, 4, **options)
    layer = gc.nn.TransformerDecoderLayer(64, 4, **options)
    values = gc.evaluate(layer.state_dict(), {})
    for name, tensor in module.state_dict().items():
        theirs = tensor.numpy()
        assert values[name].shape == theirs.shape
        np.testing.assert_allclose(
            values[name].std(), theirs.std(), rtol=0.3, atol=1e-6
        )
        np.testing.assert_allclose(
            values[name].max(), theirs.max(), rtol=0.3, atol=1e-6
        )
