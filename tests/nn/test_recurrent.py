"""Recurrent layers against torch, their emitted loops, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    DTypeError,
    FeedError,
    GraphcError,
    IndexRangeError,
    OptionError,
    ShapeError,
)
from graphc.ir import Graph
from graphc.passes.pipeline import optimize
from tests.styles import STYLES, assert_styles_agree

RNG = np.random.default_rng(0)

LAYERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("RNN", {}, {}),
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}, {"states": True}),
    ("RNN", {"num_layers": 2, "bias": False}, {"lengths": True}),
    ("LSTM", {}, {"unbatched": True}),
    ("LSTM", {"num_layers": 2, "batch_first": True}, {"states": True}),
    ("LSTM", {"bidirectional": True}, {"lengths": True, "states": True}),
    (
        "LSTM",
        {"proj_size": 2, "num_layers": 2, "bidirectional": True},
        {"states": True},
    ),
    ("LSTM", {"proj_size": 3, "bias": False, "batch_first": True}, {"lengths": True}),
    ("GRU", {}, {"states": True, "unbatched": True}),
    ("GRU", {"num_layers": 2, "bidirectional": True}, {"lengths": True}),
    ("GRU", {"bias": False, "batch_first": True}, {"lengths": True, "states": True}),
]
"""Layers, their options, and what they are called with: of 3 features, and 4 units."""

STEPS, BATCH, LENGTHS = 5, 3, [3, 5, 1]


@pytest.mark.peer
@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_values_and_gradients_are_torchs(number: int) -> None:
    torch = pytest.importorskip("torch")
    name, made, called = LAYERS[number]
    torch.manual_seed(number)
    module = getattr(torch.nn, name)(3, 4, **made).double()
    layer = getattr(gc.nn, name)(3, 4, **made, dtype="float64")
    layer.load_state_dict(module.state_dict())
    batch = [] if called.get("unbatched") else [BATCH]
    axes = [*batch, STEPS] if made.get("batch_first") else [STEPS, *batch]
    arrays = [RNG.normal(size=(*axes, 3))]
    if called.get("states"):
        ways = made.get("num_layers", 1) * (2 if made.get("bidirectional") else 1)
        sizes = [made.get("proj_size") or 4, *([4] if name == "LSTM" else [])]
        arrays += [RNG.normal(size=(ways, *batch, size)) for size in sizes]
    names = ["x", "h", "c"][: len(arrays)]
    x, *states = map(gc.input, names, [a.shape for a in arrays], ["float64"] * 3)
    hx = None if not states else tuple(states) if name == "LSTM" else states[0]
    feeds: dict[str, Any] = dict(zip(names, arrays, strict=True))
    options: dict[str, Any] = {}
    if called.get("lengths"):
        options["lengths"] = gc.input("lengths", (BATCH,), "int64")
        feeds["lengths"] = np.array(LENGTHS)
    output, last = layer(x, hx, **options)
    found = [output, *(last if isinstance(last, tuple) else [last])]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = _of_torch(torch, module, tensors, made, bool(options))
    cotangents = [RNG.normal(size=tuple(value.shape)) for value in expected]
    loss = sum(gc.sum(a * b) for a, b in zip(found, cotangents, strict=True))
    moving = [*tensors, *module.parameters()]
    wanted = torch.autograd.grad(expected, moving, [*map(torch.tensor, cotangents)])
    state = layer.state_dict()
    assert list(state) == list(module.state_dict())
    slopes = gc.grad(loss, [x, *states, *state.values()])
    for style in ("readable", "fast"):
        run = gc.compile([*found, *slopes], style=style, inputs=[*feeds])
        close = {"rtol": 1e-10, "atol": 1e-10}
        for value, tensor in zip(run(**feeds), [*expected, *wanted], strict=True):
            np.testing.assert_allclose(value, tensor.detach().numpy(), **close)


def _of_torch(
    torch: Any, module: Any, tensors: list[Any], made: Any, is_packed: bool
) -> list[Any]:
    x, *states = tensors
    hx = None if not states else tuple(states) if len(states) > 1 else states[0]
    rnn, options = torch.nn.utils.rnn, {"batch_first": made.get("batch_first", False)}
    if is_packed:
        x = rnn.pack_padded_sequence(x, LENGTHS, enforce_sorted=False, **options)
    output, last = module(x, hx)
    if is_packed:
        output, _ = rnn.pad_packed_sequence(output, **options)
    return [output, *(last if isinstance(last, tuple) else [last])]


@pytest.mark.peer
@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    for shape, bias in (((3,), True), ((2, 3), False), ((2, 3), True)):
        module = getattr(torch.nn, name)(3, 4, bias=bias).double()
        layer = getattr(gc.nn, name)(3, 4, bias=bias, dtype="float64")
        layer.load_state_dict(module.state_dict())
        xs = [RNG.normal(size=shape) for _ in range(2)]
        found: Any = None
        expected: Any = None
        for x in xs:
            found = layer(gc.constant(x), found)
            expected = module(torch.tensor(x), expected)
        pairs = (found, expected) if name == "LSTMCell" else ([found], [expected])
        for value, tensor in zip(gc.evaluate([*pairs[0]]), pairs[1], strict=True):
            np.testing.assert_allclose(value, tensor.detach().numpy(), rtol=1e-10)


def test_weights_start_uniform() -> None:
    layer = gc.nn.GRU(50, 100, 2, bidirectional=True)
    for value in gc.evaluate(layer.state_dict()).values():
        assert abs(value).max() <= 0.1
        np.testing.assert_allclose(value.std(), 0.1 / np.sqrt(3), rtol=0.15)


def test_sizes_may_have_names() -> None:
    x = gc.input("x", ("steps", "batch", 3), "float64")
    lengths = gc.input("lengths", ("batch",), "int64")
    layer = gc.nn.LSTM(3, 4, 2, dropout=0.5, bidirectional=True, dtype="float64")
    output, (h, c) = layer(x, lengths=lengths)
    assert repr(output.shape) == "(steps, batch, 8)"
    assert repr(h.shape) == repr(c.shape) == "(4, batch, 4)"
    nodes = [output, h, c]
    feeds = {"x": RNG.normal(size=(5, 3, 3)), "lengths": [3, 5, 0]}
    values = gc.evaluate(nodes, feeds)
    assert not values[0][3:, 0].any()
    for style in STYLES:
        run = gc.compile(nodes, style=style)
        assert_styles_agree([*run(**feeds)], values, ulps=64, note=style)
        with pytest.raises(FeedError, match="lengths"):
            run(**{**feeds, "lengths": [3, 6, 1]})


@pytest.mark.parametrize(("name", "most"), [("RNN", 60), ("LSTM", 120), ("GRU", 120)])
def test_programs_are_short_and_multiply_weights_once(name: str, most: int) -> None:
    """Input projections before the loop, and gradients of weights after it."""

    def declared(length: int) -> tuple[gc.Node, list[gc.Node]]:
        layer = getattr(gc.nn, name)(6, 5)
        loss = gc.mean(layer(gc.input("x", (length, 4, 6)))[0] ** 2)
        return loss, gc.grad(loss, [*layer.parameters])

    sources = [
        gc.compile([loss, *slopes], style="readable").source
        for loss, slopes in map(declared, (100, 900))
    ]
    lines = [len(source.splitlines()) for source in sources]
    assert lines[0] == lines[1] < most
    loss, slopes = declared(100)
    graph = optimize(Graph((loss, *slopes)))
    parts = [graph, *(node.bodies[0] for node in graph.nodes if node.bodies)]
    products = [[n.op.name for n in part.nodes].count("matmul") for part in parts]
    assert products == [3, 1, 1]


X = gc.input("x", (5, 2, 3))

WRONG: dict[str, tuple[Any, type[GraphcError], str]] = {
    "features": (
        lambda: gc.nn.LSTM(4, 5)(X),
        ShapeError,
        "the 4 features .*got .5, 2, 3",
    ),
    "axes": (lambda: gc.nn.GRU(3, 5)(X[0, 0]), ShapeError, "2 or 3 axes"),
    "a state": (
        lambda: gc.nn.RNN(3, 5, 2)(X, gc.zeros((1, 2, 5))),
        ShapeError,
        r"h0 of shape \(2, 2, 5\), got \(1, 2, 5\)",
    ),
    "another dtype": (
        lambda: gc.nn.RNN(3, 5)(X, gc.zeros((1, 2, 5), "float64")),
        DTypeError,
        "requires h0 of float32, as input and weights are together, got float64",
    ),
    "one state": (
        lambda: gc.nn.LSTM(3, 5)(X, gc.zeros((1, 2, 5))),
        ShapeError,
        "h0 and c0 as initial states, got 1",
    ),
    "length": (
        lambda: gc.nn.LSTM(3, 5)(X, lengths=[6, 1]),
        IndexRangeError,
        "lengths from 0 to 5, the size of the axis, got 1 to 6",
    ),
    "lengths": (
        lambda: gc.nn.LSTM(3, 5)(X, lengths=[6, 1, 2]),
        ShapeError,
        r"lengths of shape \(2,\), one for each example",
    ),
    "nonlinearity": (
        lambda: gc.nn.RNN(3, 5, nonlinearity="gelu"),
        OptionError,
        '"tanh" or "relu"',
    ),
    "projection": (
        lambda: gc.nn.LSTM(3, 5, proj_size=5),
        OptionError,
        "proj_size below hidden_size",
    ),
    "dropout": (lambda: gc.nn.GRU(3, 5, dropout=2.0), OptionError, "a probability"),
    "cell": (lambda: gc.nn.GRUCell(4, 5)(X[0]), ShapeError, "the 4 features"),
    "state of a cell": (
        lambda: gc.nn.GRUCell(3, 5)(X[0], gc.zeros((3, 5))),
        ShapeError,
        r"hx of shape \(2, 5\), got \(3, 5\)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_at_the_users_line(name: str) -> None:
    build, error, message = WRONG[name]
    with pytest.raises(error, match=message) as caught:
        build()
    assert "test_recurrent.py" in str(caught.value)
