"""Layers of layers: names, copies, tied weights, and weights by torch's names."""

# pyright: basic, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    ArgumentError,
    MissingExtraError,
    NamingError,
    OptionError,
    ShapeError,
    UnknownNameError,
)
from graphc.ir import Graph
from graphc.nn.state import read_state

X = np.random.default_rng(3).normal(size=(5, 4)).astype("float32")


class Block(gc.nn.Layer):
    """A layer of the user's own."""

    def __init__(self, size: int, name: str | None = None) -> None:
        super().__init__(name)
        self.size = size
        self.hidden = gc.nn.Linear(size, 2 * size)
        self.steps = gc.nn.Sequential(gc.nn.ReLU(), gc.nn.Linear(2 * size, size))

    def forward(self, input: gc.Node) -> gc.Node:
        return input + self.steps(self.hidden(input))


def _names(layer: gc.nn.Layer) -> list[str | None]:
    return [parameter.name for parameter in layer.parameters]


PARTS = [
    f"{part}.{kind}" for part in ("hidden", "steps.linear_1") for kind in ("w", "b")
]


def _full(prefix: str) -> list[str]:
    whole = {"w": "weight", "b": "bias"}
    return [f"{prefix}.{part[:-1]}{whole[part[-1]]}" for part in PARTS]


def test_layers_of_a_layer_are_named_after_it() -> None:
    assert _names(Block(4, name="first")) == _full("first")
    lone = Block(4)
    assert _names(lone) == _full("block")
    model = gc.nn.Sequential(Block(4), Block(4))
    assert _names(model) == _full("block_1") + _full("block_2")
    nested = gc.nn.Sequential(Block(4), name="net")
    assert _names(nested) == _full("net.block_1")


def test_two_unnamed_ones_in_a_graph_are_numbered_as_a_whole() -> None:
    x = gc.input("x", ("n", 4))
    y = Block(4)(Block(4)(x))
    assert list(gc.compile(y).parameters) == _full("block") + _full("block_2")


def test_parameters_may_be_called() -> None:
    block = Block(4)
    assert block.parameters() == block.parameters
    gradients = gc.grad(gc.sum(block(gc.input("x", ("n", 4)))), block.parameters())
    assert len(gradients) == 4


def test_a_layer_that_is_replaced_is_gone() -> None:
    block = Block(4, name="block")
    block.hidden = gc.nn.Identity()
    assert _names(block) == _full("block")[2:]


def test_a_layer_begins_with_that_of_layers() -> None:
    class Early(gc.nn.Layer):
        def __init__(self) -> None:
            self.hidden = gc.nn.Linear(2, 2)
            super().__init__()

        def forward(self, input: gc.Node) -> gc.Node:
            return input

    with pytest.raises(OptionError, match=r"super\(\).__init__"):
        Early()


# Weights


def _weights(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "hidden.weight": rng.normal(size=(8, 4)),
        "hidden.bias": rng.normal(size=8),
        "steps.1.weight": rng.normal(size=(4, 8)),
        "steps.1.bias": rng.normal(size=4),
    }


def _applied(w: dict[str, Any]) -> Any:
    hidden = np.maximum(X @ w["hidden.weight"].T + w["hidden.bias"], 0.0)
    return X + hidden @ w["steps.1.weight"].T + w["steps.1.bias"]


@pytest.mark.parametrize("kind", ["dict", "npz"])
def test_weights_are_loaded_by_torchs_names(kind: str, tmp_path: Path) -> None:
    weights: Any = _weights()
    if kind == "npz":
        gc.nn.save_state_dict(weights, tmp_path / "weights.npz")
    block = Block(4)
    assert list(block.state_dict()) == list(weights)
    fresh = Block(4)
    fresh.load_state_dict(weights if kind == "dict" else tmp_path / "weights.npz")
    y = fresh(gc.input("x", ("n", 4)))
    np.testing.assert_allclose(
        gc.evaluate(y, {"x": X}), _applied(weights), rtol=2e-5, atol=1e-5
    )
    assert list(gc.compile(y).parameters) == _full("block")


def test_weights_of_a_trainer_are_written_and_loaded() -> None:
    block = Block(4)
    y = block(gc.input("x", ("n", 4)))
    trainer = gc.Trainer(gc.mean(y * y), gc.optim.SGD(0.1))
    before = block.state_dict(trainer.parameters)
    trainer.step(x=X)
    after = block.state_dict(trainer.parameters)
    assert all((before[key] != after[key]).any() for key in before)
    block.load_state_dict(before, parameters=trainer.parameters)
    for key, array in block.state_dict(trainer.parameters).items():
        np.testing.assert_array_equal(array, before[key])
    arrays: dict[str, Any] = {}
    block.load_state_dict(before, parameters=arrays)
    assert list(arrays) == _full("block")


def test_a_file_of_safetensors(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "weights.safetensors"
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for act in (
        lambda: gc.nn.save_state_dict(_weights(), path),
        lambda: Block(4).load_state_dict(path),
    ):
        with pytest.raises(MissingExtraError, match=r"graphc\[safetensors\]"):
            act()


def test_a_file_of_safetensors_and_back(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    path = tmp_path / "weights.safetensors"
    gc.nn.save_state_dict(_weights(), path)
    block = Block(4)
    block.load_state_dict(path)
    values = gc.evaluate(block.state_dict(), {})
    for key, array in _weights().items():
        np.testing.assert_array_equal(values[key], array.astype("float32"))


def test_weights_replace_nothing_but_files(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe.npz", tmp_path / "link.npz"
    os.mkfifo(pipe)
    link.symlink_to(tmp_path / "target.npz")
    with pytest.raises(OSError, match=r"pipe\.npz is not a file"):
        gc.nn.save_state_dict(_weights(), pipe)
    assert pipe.is_fifo()
    gc.nn.save_state_dict(_weights(), link)
    assert link.is_symlink()
    assert list(read_state(tmp_path / "target.npz")) == list(_weights())


def test_a_number_is_written_without_an_axis(tmp_path: Path) -> None:
    paths = [tmp_path / "numbers.npz"]
    if importlib.util.find_spec("safetensors"):
        paths.append(tmp_path / "numbers.safetensors")
    for path in paths:
        count = {"num_batches_tracked": np.array(3), "turned": np.eye(2, 3).T}
        gc.nn.save_state_dict(count, path)
        found = read_state(path)
        assert found["num_batches_tracked"].shape == ()
        np.testing.assert_array_equal(found["turned"], np.eye(3, 2))


def _damaged(content: bytes) -> list[bytes]:
    array, kept = BytesIO(), BytesIO()
    np.save(array, np.ones(3))
    np.savez(kept, weight=np.array([object()]))
    torn = content[:150] + b"?" + content[151:]
    pickled = [pickle.dumps([1.0]), kept.getvalue()]
    return [b"", b"text", content[:-30], torn, array.getvalue(), *pickled]


def test_a_file_that_is_damaged_or_holds_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    gc.nn.save_state_dict(_weights(), path)
    for content in _damaged(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ArgumentError, match="of numbers alone"):
            Block(4).load_state_dict(path)
    with pytest.raises(FileNotFoundError):
        Block(4).load_state_dict(tmp_path / "none.npz")


def test_running_statistics_are_weights_too() -> None:
    model = gc.nn.Sequential(gc.nn.Linear(4, 3), gc.nn.BatchNorm1d(3))
    state = {
        "0.weight": np.ones((3, 4)),
        "0.bias": np.zeros(3),
        "1.weight": np.ones(3),
        "1.bias": np.zeros(3),
        "1.running_mean": np.arange(3.0),
        "1.running_var": np.ones(3),
        "1.num_batches_tracked": np.array(7),
    }
    model.load_state_dict(state)
    loaded = gc.evaluate(model.state_dict(), {})
    for key, array in loaded.items():
        np.testing.assert_array_equal(array, state[key])
    y = model(gc.input("x", ("n", 4)))
    trainer = gc.Trainer(gc.mean(y * y), gc.optim.SGD(0.1))
    trainer.step(x=X)
    moved = model.state_dict(trainer.parameters)
    assert (moved["1.running_mean"] != state["1.running_mean"]).all()


def _without(key: str) -> dict[str, Any]:
    return {name: array for name, array in _weights().items() if name != key}


@pytest.mark.parametrize(
    ("load", "error", "says"),
    [
        (
            lambda b: b.load_state_dict(_without("hidden.bias")),
            UnknownNameError,
            "miss",
        ),
        (
            lambda b: b.load_state_dict({**_weights(), "more": [1.0]}),
            UnknownNameError,
            "unknown 'more'",
        ),
        (
            lambda b: b.load_state_dict({**_weights(), "hidden.bias": np.ones(3)}),
            ShapeError,
            "must have shape (8,), got (3,)",
        ),
        (
            lambda b: b.load_state_dict({**_weights(), "hidden.bias": ["a"] * 8}),
            TypeError,
            "must hold numbers",
        ),
        (
            lambda b: b.load_state_dict({**_weights(), "hidden.bias": [1e300] * 8}),
            TypeError,
            "holds 1e+300, which is not a float32",
        ),
        (
            lambda b: b.load_state_dict({"model": _weights(), "epoch": 3}),
            UnknownNameError,
            "load_state_dict(checkpoint['model'])",
        ),
        (
            lambda b: b.load_state_dict({f"a.{k}": v for k, v in _weights().items()}),
            UnknownNameError,
            "names without 'a.'",
        ),
        (
            lambda b: b.load_state_dict({"other": [1.0]}, strict=False),
            UnknownNameError,
            "unknown 'other'",
        ),
        (lambda b: b.load_state_dict(b), ArgumentError, "module.state_dict()"),
        (lambda b: b.load_state_dict(5), ArgumentError, "a dict of arrays"),
        (lambda b: b.load_state_dict({0: [1.0]}), ArgumentError, "has the key 0"),
        (lambda b: b.load_state_dict("w.h5"), ArgumentError, "got 'w.h5'"),
        (
            lambda b: (b(gc.input("x", ("n", 4))), b.load_state_dict(_weights())),
            OptionError,
            "before a layer is called",
        ),
        (
            lambda b: b.load_state_dict(_weights(), parameters=[]),
            ArgumentError,
            "parameters must be those",
        ),
        (lambda b: gc.nn.save_state_dict({}, "w.pt"), ArgumentError, "'w.pt'"),
        (lambda b: gc.nn.save_state_dict({"a": "b"}, "w.npz"), TypeError, "'a' must"),
        (lambda b: b.state_dict({}), UnknownNameError, "no array of the name"),
        (lambda b: b.state_dict(5), ArgumentError, "parameters must be a dict"),
    ],
)
def test_errors_say_what_and_where(load: Any, error: Any, says: str) -> None:
    with pytest.raises(error) as caught:
        load(Block(4))
    assert says in str(caught.value)
    assert __file__ in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    state = {**_without("hidden.weight"), "hidden.bias": [1.0], "more": [1.0]}
    with pytest.raises(UnknownNameError) as caught:
        Block(4).load_state_dict(state)
    for part in ("missing 'hidden.weight'", "unknown 'more'", "shape (8,), got (1,)"):
        assert part in str(caught.value)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_names_of_wrapped_modules_are_known(prefix: str) -> None:
    wrapped, block = Block(4), Block(4)
    wrapped.load_state_dict({prefix + k: v for k, v in _weights().items()})
    block.load_state_dict(_weights())
    found, expected = (gc.evaluate(b.state_dict(), {}) for b in (wrapped, block))
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_what_is_not_strict_takes_what_fits() -> None:
    block = Block(4)
    block.load_state_dict({**_without("hidden.weight"), "more": 1.0}, strict=False)
    value = gc.evaluate(block.state_dict()["hidden.bias"], {})
    np.testing.assert_array_equal(value, _weights()["hidden.bias"].astype("float32"))


def test_a_residual_adds_its_input() -> None:
    layer = gc.nn.Linear(4, 4)
    x = gc.input("x", ("n", 4))
    block = gc.nn.Residual(layer, name="block")
    assert _names(block) == ["block.layer.weight", "block.layer.bias"]
    y = block(x)
    weight, bias, value = gc.evaluate([*block.parameters, y], {"x": X})
    np.testing.assert_allclose(value, X + X @ weight.T + bias, rtol=1e-5)
    assert gc.nn.Residual(gc.nn.relu)(x).shape == x.shape
    with pytest.raises(ShapeError, match="keeps the shape"):
        gc.nn.Residual(gc.nn.Linear(4, 3))(x)
    with pytest.raises(OptionError, match="takes a layer"):
        gc.nn.Residual(3)


def test_stacks_copy_their_layer() -> None:
    layer = gc.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    encoder = gc.nn.TransformerEncoder(layer, 2, name="encoder")
    names = _names(encoder)
    start = "encoder.layers.transformer_encoder_layer_"
    assert names[0] == f"{start}1.self_attn.in_proj_weight"
    assert names[12] == f"{start}2.self_attn.in_proj_weight"
    assert len(set(names)) == len(names) == 24
    assert list(encoder.state_dict())[12] == "layers.1.self_attn.in_proj_weight"
    first, second = gc.evaluate([encoder.parameters[0], encoder.parameters[12]], {})
    assert (first != second).all()
    assert not set(layer.parameters) & set(encoder.parameters)


# Tied weights


def test_weights_are_tied_by_passing_a_parameter() -> None:
    words = gc.nn.Embedding(7, 4, name="words")
    scores = gc.nn.Linear(4, 7, bias=False, weight_init=words.weight, name="scores")
    tokens = gc.input("tokens", ("n",), "int64")
    y = scores(words(tokens))
    assert _names(scores) == ["words.weight"]
    assert len(Graph((y,)).parameters) == 1
    assert gc.nn.Sequential(words, scores).parameters() == [words.weight]


def test_a_parameter_of_another_shape_is_refused() -> None:
    words = gc.nn.Embedding(7, 4, name="words")
    with pytest.raises(ShapeError, match=r"for weight, got words.weight"):
        gc.nn.Linear(7, 4, weight_init=words.weight)
    with pytest.raises(ShapeError, match="requires a parameter of type"):
        gc.nn.Linear(2, 1, weight_init=gc.ones((1, 2)))


def test_two_layers_of_one_given_name_are_refused() -> None:
    x = gc.input("x", ("n", 4))
    y = Block(4, name="a")(Block(4, name="a")(x))
    with pytest.raises(NamingError):
        gc.compile(y)


class TiedModel(gc.nn.Layer):
    """Scores of words by their own vectors, scaled and shifted."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.words = gc.nn.Embedding(7, 4)
        self.scores = gc.nn.Linear(4, 7, bias=False, weight_init=self.words.weight)
        self.register_parameter("scale", (7,), gc.init.ones())
        self.register_buffer("shift", (7,))

    def forward(self, tokens: gc.Node) -> dict[str, gc.Node]:
        return {"scores": self.scores(self.words(tokens)) * self.scale + self.shift}


def test_tied_weights_are_loaded_once_and_stay_tied() -> None:
    weight = np.arange(28.0).reshape(7, 4)
    model = TiedModel(name="model")
    assert list(model.state_dict()) == [
        *("scale", "shift", "words.weight", "scores.weight")
    ]
    rest = {"scale": np.full(7, 2.0), "shift": np.ones(7)}
    # A file may hold it under one of its names only.
    model.load_state_dict({"words.weight": weight, **rest})
    assert model.scores.weight is model.words.weight
    scores = model(gc.input("tokens", ("n",), "int64"))["scores"]
    assert len(Graph((scores,)).parameters) == 3
    value = gc.evaluate(scores, {"tokens": np.array([1])})
    np.testing.assert_array_equal(value, [2.0 * weight @ weight[1] + 1.0])


def test_what_a_layer_registers_is_named_after_it() -> None:
    model = gc.nn.Sequential(TiedModel(), TiedModel())
    assert [model[0].scale.name, model[1].shift.name] == [
        *("tiedmodel_1.scale", "tiedmodel_2.shift")
    ]
    assert _names(model)[0] == "tiedmodel_1.scale"
    with pytest.raises(NamingError, match="parameter name"):
        gc.nn.ReLU().register_parameter("1st", ())


def test_a_parameter_that_is_an_attribute_is_one_of_the_layers() -> None:
    layer = gc.nn.Residual(gc.nn.Linear(2, 2))
    layer.gain = gc.parameter("gain", (2,), [1.0, 2.0])
    assert list(layer.state_dict()) == ["gain", "layer.weight", "layer.bias"]
    layer.load_state_dict({"gain": [3.0, 4.0]}, strict=False)
    np.testing.assert_array_equal(gc.evaluate(layer.gain, {}), [3.0, 4.0])
    layer.gain = None
    assert list(layer.state_dict()) == ["layer.weight", "layer.bias"]


def test_weights_are_loaded_into_a_layer_that_was_looked_at() -> None:
    layer = gc.nn.Linear(2, 1)
    seen = layer.weight
    layer.load_state_dict({"weight": [[3.0, 4.0]], "bias": [5.0]})
    assert layer.weight is seen
    value = gc.evaluate(gc.nn.Sequential(layer)(gc.ones((2,))), {})
    np.testing.assert_array_equal(value, [12.0])
    with pytest.raises(OptionError, match="before a layer is called"):
        gc.nn.Sequential(layer).load_state_dict({"0.bias": [1.0]}, strict=False)
