"""A whole step of training is one call of C, whatever the optimizer and the losses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.optim import Optimizer
from tests.optim.cases import EXAMPLES, MATRICES_ONLY, RULES, exported
from tests.styles import assert_styles_agree
from tests.targets.c.compiled import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

IN_NUMPY: dict[str, str] = {}
"""Optimizers and transformations whose update NumPy computes, and why."""

AROUND: dict[str, Callable[[Any], Optimizer]] = {
    "ClipByValue": lambda inner: gc.optim.ClipByValue(inner, 0.05),
    "ClipByNorm": lambda inner: gc.optim.ClipByNorm(inner, 0.1),
    "ClipByGlobalNorm": lambda inner: gc.optim.ClipByGlobalNorm(inner, 0.1),
    "GradientNoise": lambda inner: gc.optim.GradientNoise(inner, 0.01),
    "GradientAccumulation": lambda inner: gc.optim.GradientAccumulation(inner, 2),
    "EMA": lambda inner: gc.optim.EMA(inner, 0.9),
    "Lookahead": lambda inner: gc.optim.Lookahead(inner, 2),
    "MaxNorm": lambda inner: gc.optim.MaxNorm(inner, 1.0),
}


def test_every_transformation_is_here() -> None:
    assert AROUND.keys() == exported(gc.optim.Transformation).keys()


def _losses(names: list[str]) -> Any:
    """A loss for each rule, with parameters of several shapes."""
    x = gc.input("x", ("batch", 5))
    losses: dict[str, Any] = {}
    for name in names:
        wide = gc.parameter(f"{name}.wide", (5, 7), gc.init.uniform(-1.0, 1.0))
        tall = gc.parameter(f"{name}.tall", (7, 2), gc.init.uniform(-1.0, 1.0))
        hidden = x @ wide
        if name not in MATRICES_ONLY:
            hidden = hidden * gc.parameter(f"{name}.scale", (7,), 0.5)
            hidden = hidden + gc.parameter(f"{name}.shift", (), 0.7)
        losses[name] = gc.mean(gc.square(gc.tanh(hidden) @ tall - 1.0))
    return losses


def _check(optimizers: dict[str, Optimizer], steps: int = 3) -> gc.Trainer:
    """Hold a program in C against one in NumPy, which has the same parameters."""
    losses = _losses([*optimizers])
    native, fast = (
        gc.Trainer(losses, optimizers, style=style, seed=1)
        for style in ("native", "fast")
    )
    x = np.random.default_rng(0).uniform(0.5, 1.5, (6, 5)).astype("float32")
    for _ in range(steps):
        for trainer in (native, fast):
            trainer.step(x=x)
        for key, value in fast.parameters.items():
            assert_styles_agree(native.parameters[key], value, note=key, ulps=2**9)
    return native


def _in_c(trainer: gc.Trainer) -> set[str]:
    return set(re.findall(r"def update_(\w+)_numbers", trainer.source))


def test_telling_rules_with_telling_transformations() -> None:
    rules = ["LAMB", "NAdam", "Adafactor", "Muon", "SGD"]
    around = ["MaxNorm", "GradientNoise", "ClipByNorm", "EMA", "ClipByGlobalNorm"]
    pairs = zip(rules, around, strict=True)
    optimizers = {rule: AROUND[name](EXAMPLES[rule][0]) for rule, name in pairs}
    assert _in_c(_check(optimizers)) == {*rules}


@pytest.mark.slow
@pytest.mark.parametrize("name", AROUND)
def test_all_rules_with_a_transformation(name: str) -> None:
    optimizers = {rule: AROUND[name](EXAMPLES[rule][0]) for rule in RULES}
    assert _in_c(_check(optimizers)) == {*RULES} - {*IN_NUMPY}


# One call -----------------------------------------------------------------------------


def _classifier(*, normalizes: bool = False) -> Any:
    x = gc.input("x", ("batch", 5))
    labels = gc.input("labels", ("batch",), "int64")
    hidden = gc.nn.Linear(5, 6, bias=not normalizes, name="hidden")(x)
    if normalizes:
        hidden = gc.nn.BatchNorm1d(6, name="norm")(hidden)
    scores = gc.nn.Linear(6, 3, name="output")(gc.nn.relu(hidden))
    return gc.nn.cross_entropy(scores, labels)


def _batches(count: int = 4) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(5)
    for _ in range(count):
        x = rng.normal(size=(8, 5)).astype("float32")
        yield {"x": x, "labels": rng.integers(0, 3, 8)}


def _two_losses() -> dict[str, Any]:
    x = gc.input("x", ("batch", 5))
    first = gc.parameter("first", (5,), 0.1)
    second = gc.parameter("second", (5,), 0.2)
    buffer = gc.buffer("seen", (), 0.0)
    distance = gc.mean(gc.square(x @ first - 1.0))
    other = gc.mean(gc.square(x @ second - gc.stop_gradient(x @ first)))
    return {
        "loss": {"near": distance, "far": other},
        "optimizer": {
            "near": gc.optim.LAMB(0.1),
            "far": gc.optim.ClipByNorm(gc.optim.Adam(0.1), 0.5),
        },
        "parameters": {"near": [first], "far": [second]},
        "updates": {buffer: buffer + gc.mean(x)},
    }


def _following() -> dict[str, Any]:
    """A copy of parameters that follows them slowly, and a count."""
    x = gc.input("x", ("batch", 5))
    weight = gc.parameter("weight", (5, 3), 0.1)
    slow, count = gc.buffer("slow", (5, 3), 0.0), gc.buffer("count", (), 0, "int64")
    labels = gc.input("labels", ("batch",), "int64")
    loss = gc.nn.cross_entropy(x @ weight, labels) + gc.mean(gc.square(x @ slow))
    updates = {slow: 0.9 * slow + 0.1 * weight, count: count + 1}
    return {"loss": loss, "optimizer": gc.optim.Adam(0.1), "updates": updates}


_ADAM = gc.optim.Adam(0.1)

ONE_CALL: dict[str, Callable[[], dict[str, Any]]] = {
    "schedule": lambda: {
        "optimizer": gc.optim.Adam(gc.optim.CosineAnnealingLR(0.1, T_max=9, by="step"))
    },
    "plateau": lambda: {"optimizer": _ADAM, "plateau": gc.optim.ReduceLROnPlateau()},
    "average": lambda: {"optimizer": gc.optim.EMA(gc.optim.AdamW(0.1))},
    "accumulation": lambda: {"optimizer": gc.optim.GradientAccumulation(_ADAM, 2)},
    "groups": lambda: {
        "optimizer": gc.optim.ParameterGroups(
            {"*.bias": gc.optim.Adam(0.1)}, default=gc.optim.AdamW(0.1)
        )
    },
    "muon and adam": lambda: {
        "optimizer": gc.optim.ParameterGroups(
            {"*.bias": gc.optim.AdamW(0.1)}, default=gc.optim.Muon(0.1)
        )
    },
    "noise": lambda: {"optimizer": gc.optim.GradientNoise(gc.optim.LAMB(0.1))},
    "batch norm": lambda: {
        "loss": _classifier(normalizes=True),
        "optimizer": gc.optim.ClipByGlobalNorm(_ADAM, 0.1),
    },
    "assigned buffers": _following,
    "several losses": _two_losses,
}


def _trainers(case: str) -> Iterator[Any]:
    for style in ("native", "fast"):
        made = {"loss": _classifier(), **ONE_CALL[case]()}
        yield gc.Trainer(**made, style=style, seed=2)


@pytest.mark.parametrize("case", ONE_CALL)
def test_a_step_is_one_call(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    native, fast = _trainers(case)
    module: Any = native._module
    calls: list[str] = []
    once, apart = module.call_c, module.UpdateCall.__call__

    def call_c(function: str, *arguments: Any, then: Any = None) -> None:
        calls.append("step" if isinstance(then, module.UpdateCall) else function)
        once(function, *arguments, then=then)

    def update(self: Any) -> None:
        calls.append("update apart")
        apart(self)

    monkeypatch.setattr(module, "call_c", call_c)
    monkeypatch.setattr(module.UpdateCall, "__call__", update)
    batches = [*_batches()]
    for batch in batches:
        given = {k: v for k, v in batch.items() if k in module.INPUTS}
        for trainer in (native, fast):
            trainer.step(**given)
    losses = 2 if case == "several losses" else 1
    assert calls == ["step"] * (len(batches) * losses)
    for key, value in fast.parameters.items():
        assert_styles_agree(native.parameters[key], value, note=key, ulps=2**9)


def _states_of(trainer: Any) -> dict[str, Any]:
    state: Any = trainer._state
    streams = {k: g.bit_generator.state["state"] for k, g in state["rng"].items()}
    kept = {k: np.array(v) for k, v in {**trainer.parameters, **state["slots"]}.items()}
    return {"step": state["step"], "streams": streams, "arrays": kept}


@pytest.mark.parametrize("case", ["noise", "batch norm", "assigned buffers"])
def test_a_refused_step_changes_nothing(case: str) -> None:
    """Not even the numbers that are drawn next."""
    native, fast = _trainers(case)
    good, bad, again, _ = _batches()
    wrong = {**good, "labels": good["labels"] + 2}
    bad["x"][3, 2] = np.inf
    for trainer in (native, fast):
        trainer.step(**good)
        before = _states_of(trainer)
        module: Any = trainer._module
        arrays = trainer._arrays, trainer._state
        with pytest.raises((ValueError, IndexError), match="range 0 to 2"):
            module.train_step(*arrays, *wrong.values())
        assert not np.isfinite(module.train_step(*arrays, *bad.values()))
        after = _states_of(trainer)
        np.testing.assert_equal(after, before)
        trainer.step(**again)
    assert_styles_agree(_states_of(native), _states_of(fast), ulps=2**9)


def test_buffers_that_are_not_finite_are_not_assigned() -> None:
    for style in ("native", "fast"):
        x = gc.input("x", ("batch",))
        w, ratio = gc.parameter("w", (), 1.0), gc.buffer("ratio", (2,), 0.0)
        loss = gc.mean(w * x)
        updates = {ratio: ratio + 1.0 / gc.sum(x)}
        trainer = gc.Trainer(loss, _ADAM, updates=updates, style=style)
        trainer.step(x=np.array([1, 1], "float32"))
        with pytest.raises(gc.errors.NonFiniteError, match="ratio"):
            trainer.step(x=np.array([1, -1], "float32"))
        np.testing.assert_array_equal(trainer.parameters["ratio"], [0.5, 0.5])


def test_buffers_that_are_exchanged_or_scattered() -> None:
    native, fast = _trainers("assigned buffers")
    x, labels = next(_batches()).values()
    ends: list[Any] = []
    for trainer in (native, fast):
        module: Any = trainer._module
        parameters = module.init_parameters(0)
        state = module.init_state(parameters, 0)
        module.train_step(parameters, state, x, labels)
        parameters["slow"] = np.asfortranarray(parameters["slow"] + 1)
        parameters["count"] = np.array(7)
        module.train_step(parameters, state, x, labels)
        parameters["slow"] = np.repeat(parameters["slow"], 2, axis=1)[:, ::2]
        module.train_step(parameters, state, x, labels)
        ends.append({key: np.array(value) for key, value in parameters.items()})
    assert ends[0]["count"] == 9
    assert_styles_agree(ends[0], ends[1])
    parameters["slow"].flags.writeable = False
    module, state = native._module, native._state
    with pytest.raises(ValueError, match="read-only"):
        module.train_step(parameters, state, x, labels)


def test_long_rows_and_large_matrices() -> None:
    """Those that have no place on the stack."""
    x = gc.input("x", ("batch", 3000))
    losses: dict[str, Any] = {}
    optimizers = {
        "max_norm": gc.optim.MaxNorm(gc.optim.Adam(0.1), 0.5),
        "adafactor": gc.optim.Adafactor(0.1),
        "muon": gc.optim.Muon(0.1),
        "lamb": gc.optim.LAMB(0.1),
    }
    for name in optimizers:
        weight = gc.parameter(f"{name}.weight", (3, 3000), gc.init.uniform(-0.1, 0.1))
        losses[name] = gc.mean(gc.square(x @ weight.T - 1.0))
    native, fast = (
        gc.Trainer(losses, optimizers, style=style) for style in ("native", "fast")
    )
    data = np.random.default_rng(1).normal(size=(4, 3000)).astype("float32")
    for trainer in (native, fast):
        trainer.step(x=data)
    assert_styles_agree(native.parameters, fast.parameters, ulps=2**9)


def test_checkpoints_cross_styles(tmp_path: Any) -> None:
    for case in ("muon and adam", "batch norm", "several losses"):
        native, fast = _trainers(case)
        first, second, *_ = _batches()
        names: Any = native._module
        first, second = (
            {k: v for k, v in each.items() if k in names.INPUTS}
            for each in (first, second)
        )
        native.step(**first)
        native.save(tmp_path / "state.npz")
        fast.load(tmp_path / "state.npz")
        assert_styles_agree(native.parameters, fast.parameters, ulps=0)
        for trainer in (native, fast):
            trainer.step(**second)
        assert_styles_agree(native.parameters, fast.parameters, ulps=2**9)
        fast.save(tmp_path / "state.npz")
        native.load(tmp_path / "state.npz")
        assert_styles_agree(native.parameters, fast.parameters, ulps=0)
