"""Training programs of layers that are one function, and of checkpoints."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from tests.styles import STYLES
from tests.targets.support import assert_clean, run

SHAPE = ("batch", 3, 4)


def transformer(wrap: Any, count: int) -> gc.Trainer:
    x, y = gc.input("x", SHAPE), gc.input("y", SHAPE)
    hidden = x
    for number in range(count):
        layer = gc.nn.TransformerEncoderLayer(
            4, 1, 8, dropout=0.1, batch_first=True, name=f"layer{number}"
        )
        hidden = wrap(layer)(hidden)
    return gc.Trainer(gc.mean(gc.square(hidden - y)), gc.optim.SGD(0.1))


def functions_of(path: Path) -> dict[str, str]:
    body = ast.parse(path.read_text()).body
    found = (part for part in body if isinstance(part, ast.FunctionDef))
    return {each.name: ast.unparse(each) for each in found}


@pytest.mark.parametrize("wrap", [gc.function, gc.checkpoint])
@pytest.mark.parametrize("style", STYLES)
def test_transformer_layers_are_one_function_forward_and_one_backward(
    wrap: Any, style: Any, tmp_path: Path
) -> None:
    scripts = [
        transformer(wrap, count).emit(tmp_path / f"train_{count}.py", style)
        for count in (2, 3)
    ]
    assert_clean(scripts[0])
    short, long = map(functions_of, scripts)
    name = "transformer_encoder_layer"
    assert short.keys() == long.keys()
    assert {name, f"{name}_backward"} <= short.keys()
    for each in short:
        if each.startswith(name):
            assert short[each] == long[each]
    # Its parameters go by their names in the layer.
    assert "self_attn_in_proj_weight" in short[name]
    assert "layer0" not in short[name] + short[f"{name}_backward"]
    if style == "readable":
        assert "all gradients agree" in run(scripts[0], "--check").stdout


def test_layers_of_containers_are_functions_by_themselves(tmp_path: Path) -> None:
    class Own(gc.nn.Sequential):
        """A layer of the user's, which may keep nodes."""

    def trainer(wrap: Any) -> gc.Trainer:
        x = gc.input("x", SHAPE)
        layer = gc.nn.TransformerEncoderLayer(4, 1, 8, 0.0, batch_first=True)
        layers = gc.nn.TransformerEncoder(layer, 3, name="encoder").layers
        hidden = gc.nn.Sequential(*(wrap(layer) for layer in layers))(x)
        return gc.Trainer(gc.mean(hidden**2 * x), gc.optim.Adam(0.1))

    data = {"x": np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")}
    kept, inline = trainer(lambda layer: layer), trainer(Own)
    path = kept.emit(tmp_path / "train.py", "readable")
    names = [name for name in functions_of(path) if name.startswith("transformer")]
    assert len(names) == 3, "for evaluation, forward and backward"
    others = functions_of(inline.emit(tmp_path / "inline.py", "readable"))
    assert not [name for name in others if name.startswith("transformer")]
    # The program is the same, and so are checkpoints.
    inline.step(**data)
    inline.save(tmp_path / "inline.npz")
    kept.load(tmp_path / "inline.npz")
    np.testing.assert_allclose(inline.step(**data), kept.step(**data), rtol=1e-5)
    for name, value in kept.parameters.items():
        if not name.endswith("in_proj_bias"):  # That of keys has no gradient.
            np.testing.assert_allclose(value, inline.parameters[name], atol=1e-3)


@pytest.mark.parametrize("wrap", [gc.function, gc.checkpoint])
def test_an_emitted_run_is_that_of_the_trainer(wrap: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = {key: rng.normal(size=(8, 3, 4)).astype("float32") for key in "xy"}
    trainer = transformer(wrap, 2)
    trainer.fit(data, epochs=2, batch_size=4, verbose=False)
    script = transformer(wrap, 2).emit(tmp_path / "train.py", "fast")
    np.savez(tmp_path / "data.npz", **data)
    out = tmp_path / "out.npz"
    run(script, "--data", "data.npz", "--epochs", 2, "--batch-size", 4, "--out", out)
    with np.load(out) as saved:
        for name, value in trainer.parameters.items():
            assert saved[name].tobytes() == value.tobytes(), name
