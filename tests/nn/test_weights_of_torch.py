"""Weights from torch's modules and to them, by file: the same predictions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import ArgumentError, DTypeError, MissingExtraError

pytestmark = pytest.mark.peer

torch: Any = pytest.importorskip("torch")
safetensors: Any = pytest.importorskip("safetensors.torch")
nn: Any = torch.nn

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(5, 6)).astype("float32")
STEPS = RNG.normal(size=(3, 5, 6)).astype("float32")
IMAGES = RNG.normal(size=(2, 3, 8, 8)).astype("float32")
WORDS = RNG.integers(0, 9, (4, 3))

CASES: dict[str, tuple[Any, str, tuple[Any, ...], dict[str, Any], Any]] = {
    name: (getattr(nn, kind), kind, arguments, options, data)
    for name, kind, arguments, options, data in [
        ("Linear", "Linear", (6, 4), {}, ROWS),
        ("Conv2d", "Conv2d", (3, 4, 3), {"padding": 1, "stride": 2}, IMAGES),
        ("grouped", "Conv2d", (3, 6, 3), {"groups": 3, "bias": False}, IMAGES),
        ("transposed", "ConvTranspose2d", (3, 4, 3), {"stride": 2}, IMAGES),
        ("BatchNorm1d", "BatchNorm1d", (6,), {}, ROWS),
        ("BatchNorm2d", "BatchNorm2d", (3,), {}, IMAGES),
        ("LayerNorm", "LayerNorm", (6,), {}, ROWS),
        ("Embedding", "Embedding", (9, 4), {}, WORDS),
        *(
            (f"{kind} {layers} {ways}", kind, (6, 4), options, STEPS)
            for kind in ("RNN", "GRU", "LSTM")
            for layers in (1, 2)
            for ways in (False, True)
            for options in [{"num_layers": layers, "bidirectional": ways}]
        ),
        ("MultiheadAttention", "MultiheadAttention", (6, 2), {}, STEPS),
        (
            "TransformerEncoderLayer",
            "TransformerEncoderLayer",
            (6, 2, 8),
            {"dropout": 0.0},
            STEPS,
        ),
    ]
}


def _called(kind: str, layer: Any, data: Any) -> Any:
    if kind == "MultiheadAttention":
        return layer(data, data, data)[0]
    return layer(data)[0] if kind in ("RNN", "GRU", "LSTM") else layer(data)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_predictions_are_those_of_torch(case: str, ending: str, tmp_path: Path) -> None:
    make, kind, arguments, options, data = CASES[case]
    torch.manual_seed(0)
    module = make(*arguments, **options)
    for name, buffer in module.named_buffers():
        if "running" in name:
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    path = tmp_path / f"weights.{ending}"
    save = torch.save if ending == "pt" else safetensors.save_file
    save(module.state_dict(), path)

    layer = getattr(gc.nn, kind)(*arguments, **options)
    layer.load_state_dict(path)
    batch = "int64" if data.dtype.kind == "i" else "float32"
    x = gc.input("x", data.shape, batch)
    y = _called(kind, layer, x)
    evaluated = gc.Trainer(gc.mean(y), gc.optim.SGD(0.1), outputs={"y": y})
    expected = _called(kind, module.eval(), torch.tensor(data)).detach().numpy()
    np.testing.assert_allclose(
        evaluated.predict(x=data), expected, rtol=2e-5, atol=2e-6
    )

    # And back, after a step.
    evaluated.step(x=data)
    stepped = layer.state_dict(evaluated.parameters)
    gc.nn.save_state_dict(stepped, tmp_path / "back.safetensors", metadata={"by": "us"})
    loaded = safetensors.load_file(tmp_path / "back.safetensors")
    left = module.load_state_dict(loaded, strict=False)
    assert all(name.endswith("num_batches_tracked") for name in left.missing_keys)
    assert not left.unexpected_keys
    expected = _called(kind, module.eval(), torch.tensor(data)).detach().numpy()
    np.testing.assert_allclose(
        evaluated.predict(x=data), expected, rtol=2e-5, atol=2e-6
    )


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64", "float8_e4m3fn"])
@pytest.mark.parametrize("ending", ["safetensors", "pt", "dict"])
def test_numbers_of_other_widths(kind: str, ending: str, tmp_path: Path) -> None:
    module = nn.Linear(6, 4).to(getattr(torch, kind))
    state = module.state_dict(keep_vars=True)
    path = tmp_path / f"weights.{ending}"
    if ending == "pt":
        torch.save(module.state_dict(), path)
    elif ending == "safetensors":
        if kind.startswith("float8"):
            pytest.skip("safetensors has them, and they are refused")
        safetensors.save_file(module.state_dict(), path)
    layer = gc.nn.Linear(6, 4)
    layer.load_state_dict(state if ending == "dict" else path)
    for name, array in gc.evaluate(layer.state_dict(), {}).items():
        np.testing.assert_array_equal(array, state[name].detach().float().numpy())


def test_what_is_no_file_of_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = gc.nn.Linear(6, 4)
    written = tmp_path / "code.pt"
    torch.save({"weight": print}, written)
    with pytest.raises(ArgumentError, match="no file of tensors alone"):
        layer.load_state_dict(written)
    torch.save([1.0], written)
    with pytest.raises(ArgumentError, match="must hold a state_dict, holds list"):
        layer.load_state_dict(written)
    damaged = tmp_path / "damaged.safetensors"
    safetensors.save_file(nn.Linear(6, 4).state_dict(), damaged)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(ArgumentError, match=r"is no \.safetensors file"):
        layer.load_state_dict(damaged)
    safetensors.save_file({"weight": torch.zeros(2, dtype=torch.float8_e5m2)}, damaged)
    with pytest.raises(DTypeError, match="'weight' in F8_E5M2"):
        layer.load_state_dict(damaged)
    with pytest.raises(ArgumentError, match="metadata is for"):
        gc.nn.save_state_dict({}, tmp_path / "a.npz", metadata={"by": "us"})
    kept = damaged.read_bytes()
    with pytest.raises(OSError, match="nowhere"):
        gc.nn.save_state_dict({}, tmp_path / "nowhere" / "a.npz")
    assert damaged.read_bytes() == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("code.pt", "damaged.safetensors")
    ]
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match="read by torch"):
        layer.load_state_dict(written)
