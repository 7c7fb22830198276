"""What the user asked NumPy to do about underflow and the like breaks no training."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import graphc as gc

RULES: dict[str, Callable[[], Any]] = {
    "Adam": lambda: gc.optim.Adam(lr=0.01),
    "NAdam": lambda: gc.optim.NAdam(lr=0.01),
    "RMSprop": lambda: gc.optim.RMSprop(lr=0.01),
    "Muon": lambda: gc.optim.ParameterGroups(
        {"*.bias": gc.optim.AdamW()}, default=gc.optim.Muon(lr=0.01)
    ),
    "cosine": lambda: gc.optim.SGD(gc.optim.CosineAnnealingLR(0.1, T_max=3)),
    "exponential": lambda: gc.optim.SGD(gc.optim.ExponentialLR(0.1, gamma=1e-30)),
}
X = np.random.default_rng(0).normal(size=(8, 3)).astype("f4") * np.float32(1e-20)
Y = np.arange(8) % 2


def trainer(rule: Callable[[], Any], style: Any) -> gc.Trainer:
    x, y = gc.input("x", ("batch", 3)), gc.input("y", ("batch",), "int64")
    hidden = gc.nn.relu(gc.nn.Linear(3, 4, name="hidden")(x))
    logits = gc.nn.Linear(4, 2, name="output")(hidden)
    return gc.Trainer(gc.nn.cross_entropy(logits, y), rule(), style=style)


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("name", RULES)
def test_training_does_not_see_them(name: str, style: str, tmp_path: Path) -> None:
    with np.errstate(all="raise"):
        found = trainer(RULES[name], style)
        found.emit(tmp_path / "train.py", style=style)
        losses = [found.step(x=X, y=Y) for _ in range(2)]
        module = load(tmp_path / "train.py")
        parameters = module.init_parameters(0)
        state = module.init_state(parameters)
        again = [module.train_step(parameters, state, X, Y) for _ in range(2)]
    assert losses == again
    assert np.isfinite(losses).all()
