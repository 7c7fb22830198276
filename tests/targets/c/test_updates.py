"""Updates of optimizers in C, and steps of training in one call."""

from __future__ import annotations

import re
from threading import Thread
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.optim import Optimizer
from tests.optim.cases import MATRICES_ONLY, examples
from tests.styles import assert_styles_agree
from tests.targets.c.compiled import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

ULPS = 16
"""Units in the last place by which two styles differ after a few steps: sums have
another order, and a power of the step's number is rounded otherwise."""

EVERY = {
    name.replace("-", "_").lower(): optimizer
    for name, optimizer in examples(but=("GradientAccumulation",)).items()
}

TELLING = {
    *("sgd_2", "adam_0", "rprop_0", "clipbyglobalnorm_0", "lookahead_0"),
    *("adafactor_0", "muon_0", "nadam_0", "gradientnoise_0", "maxnorm_0"),
}
"""Optimizers whose rules differ in kind."""


def _side_by_side(optimizers: dict[str, Optimizer], style: Any) -> Any:
    """One program, and one compilation, for many optimizers."""
    x = gc.input("x", (4, 3))
    losses: dict[str, Any] = {}
    for key in optimizers:
        kind = key.partition("_")[0]
        weight = gc.parameter(f"{key}.weight", (4, 3), gc.init.uniform(-1.0, 1.0))
        total = gc.sum(weight * x)
        if kind not in {name.lower() for name in MATRICES_ONLY}:
            scale = gc.parameter(f"{key}.scale", (3,), 0.5)
            total = total + gc.parameter(f"{key}.shift", (), 0.7) * gc.sum(scale * x)
        losses[key] = total
    return gc.Trainer(losses, optimizers, style=style, seed=3)


def _check_optimizers(names: set[str]) -> gc.Trainer:
    chosen = {key: EVERY[key] for key in sorted(names)}
    # Of one sign, so that no sum cancels.
    x = np.random.default_rng(0).uniform(0.5, 2, (4, 3)).astype("float32")
    trainers = [_side_by_side(chosen, style) for style in ("native", "fast")]
    for step in range(3):
        for trainer in trainers:
            trainer.step(x=x * (1 - step))
        native, fast = trainers
        for key, value in fast.parameters.items():
            assert_styles_agree(native.parameters[key], value, ulps=ULPS, note=key)
        slots = native._state["slots"]
        for key, value in fast._state["slots"].items():
            assert_styles_agree(slots[key], value, ulps=4 * ULPS, note=key)
    return trainers[0]


def test_telling_optimizers() -> None:
    calls = re.findall(r"def update_(\w+)_numbers", _check_optimizers(TELLING).source)
    assert {*calls} == TELLING


@pytest.mark.slow
def test_all_optimizers() -> None:
    source = _check_optimizers({*EVERY} - {"parametergroups_0"}).source
    calls = set(re.findall(r"def update_(\w+)_numbers", source))
    assert {*EVERY} - calls == {"parametergroups_0"}


def _model(optimizer: Optimizer) -> Any:
    """The programs of a classifier in both styles, and a batch."""
    x = gc.input("x", ("batch", 4))
    labels = gc.input("labels", ("batch",), "int64")
    hidden = gc.nn.relu(gc.nn.Linear(4, 5, name="hidden")(x))
    loss = gc.nn.cross_entropy(gc.nn.Linear(5, 3, name="output")(hidden), labels)
    trainers: list[Any] = [
        gc.Trainer(loss, optimizer, style=style) for style in ("native", "fast")
    ]
    assert "then.is_done" in trainers[0].source
    modules = [trainer._module for trainer in trainers]
    rng = np.random.default_rng(0)
    return modules, [rng.normal(size=(6, 4)).astype("float32"), rng.integers(0, 3, 6)]


def _copied(parameters: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """Arrays of their own, not side by side."""
    kept = {f"slot {key}": value for key, value in state["slots"].items()}
    return {key: np.array(value) for key, value in {**parameters, **kept}.items()}


ADAM = gc.optim.ClipByGlobalNorm(
    gc.optim.AdamW(gc.optim.CosineAnnealingLR(0.1, T_max=9, by="step")), 0.2
)


def test_steps_of_one_call() -> None:
    """Whatever becomes of the arrays: refused, exchanged, scattered, or in a thread."""
    modules, (x, labels) = _model(ADAM)
    ends: list[Any] = []
    for module in modules:
        parameters = module.init_parameters(0)
        state = module.init_state(parameters, 0)

        def step(*batch: Any, to: Any = (module, parameters, state)) -> float:
            return to[0].train_step(to[1], to[2], *batch)

        losses = [step(x, labels), step(x[:1], labels[:1])]
        before = _copied(parameters, state)
        # Nothing changes where a step is refused.
        wrong, infinite = labels.copy(), x.copy()
        wrong[3], infinite[0, 0] = 3, np.inf
        with pytest.raises((IndexError, ValueError), match="range 0 to 2"):
            step(x, wrong)
        with pytest.raises((IndexError, ValueError), match="range 0 to 2"):
            step(x, -labels - 1)
        for bad in (infinite, x * np.nan):
            assert not np.isfinite(step(bad, labels))
        with pytest.raises(ValueError, match=r"shape|size|dimension|aligned"):
            step(x[:, :3], labels)
        after = _copied(parameters, state)
        for key, value in before.items():
            np.testing.assert_array_equal(after[key], value, key)
        assert state["step"] == 2
        # Data of other kinds, orders and sizes.
        losses.append(step(np.asfortranarray(x, "float64"), labels.tolist()))
        losses.append(step(x[::2], labels[::2].astype("int8")))
        # Arrays that are exchanged, in any order in memory.
        parameters["hidden.weight"] = np.asfortranarray(parameters["hidden.weight"])
        parameters["output.bias"] = parameters["output.bias"].copy()
        slots = state["slots"]
        slots["output.weight.exp_avg"] = np.repeat(
            slots["output.weight.exp_avg"], 2, axis=1
        )[:, ::2]
        losses += [step(x, labels), step(x, labels)]
        # What is read-only is read.
        x.flags.writeable = False
        thread = Thread(target=step, args=(x, labels))
        thread.start()
        thread.join()
        x.flags.writeable = True
        gradients = {key: np.ones_like(value) for key, value in parameters.items()}
        module.update(parameters, gradients, state)
        ends.append([np.array(losses, "float32"), _copied(parameters, state)])
    assert_styles_agree(ends[0][0], ends[1][0], ulps=2**10)
    assert_styles_agree(ends[0][1], ends[1][1], ulps=2**10)


def _updated_by_two_threads(module: Any, *, at_once: bool) -> dict[str, Any]:
    """What parameters and state are after updates with gradients of 1, 3, 2 and 4."""
    parameters = module.init_parameters(0)
    state = module.init_state(parameters, 0)

    def gradients(value: float) -> dict[str, Any]:
        return {key: np.full_like(each, value) for key, each in parameters.items()}

    def in_a_thread(value: float) -> None:
        arguments = (parameters, gradients(value), state)
        thread = Thread(target=module.update, args=arguments)
        thread.start()
        thread.join()

    module.update(parameters, gradients(1.0), state)
    if at_once:
        numbers = module.update_numbers(state)
        begun = module.update_call(parameters, gradients(2.0), state, numbers)
        in_a_thread(3.0)
        begun()
    else:
        in_a_thread(3.0)
        module.update(parameters, gradients(2.0), state)
    in_a_thread(4.0)
    return _copied(parameters, state)


def test_an_update_keeps_its_arrays_while_another_thread_takes_others() -> None:
    """Each has its own gradients, in memory that is still there."""
    (native, fast), _ = _model(gc.optim.SGD(0.1, momentum=0.5))
    found = _updated_by_two_threads(native, at_once=True)
    expected = _updated_by_two_threads(fast, at_once=False)
    assert_styles_agree(found, expected, ulps=ULPS)


def test_arrays_that_do_not_fit_are_refused() -> None:
    (module, _), (x, labels) = _model(gc.optim.SGD(0.1))
    parameters = module.init_parameters(0)
    state = module.init_state(parameters, 0)
    good = parameters["hidden.weight"]
    for bad, error in ((good.astype("float64"), TypeError), (good[:, :3], ValueError)):
        parameters["hidden.weight"] = bad
        for function in (module.train_step, module.forward):
            given = (state,) if function is module.train_step else ()
            with pytest.raises(error):
                function(parameters, *given, x, labels)
    parameters["hidden.weight"] = good.copy()
    _, gradients = module.loss_and_gradients(parameters, x, labels)
    gradients["hidden.weight"] = gradients["hidden.weight"].astype("float64")
    with pytest.raises(TypeError, match=r"gradient of hidden\.weight"):
        module.update(parameters, gradients, state)
    parameters["hidden.weight"].flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        module.train_step(parameters, state, x, labels)


def test_nothing_is_updated_where_only_a_gradient_is_infinite() -> None:
    x, w = gc.input("x", ("n",)), gc.parameter("w", (2,), [1.0, 0.0])
    loss = gc.mean(gc.sqrt(w[1] * x) + w[0])
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1), style="native")
    assert "then.is_done" in trainer.source
    with pytest.raises(gc.errors.NonFiniteError, match="gradient"):
        trainer.step(x=[1.0, 2.0])
    np.testing.assert_array_equal(trainer.parameters["w"], [1, 0])
