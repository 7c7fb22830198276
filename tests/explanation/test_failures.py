"""Explanations of steps that were not taken: node, row and operands, by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import graphc as gc
from graphc.errors import NonFiniteError, OptionError
from tests.targets.support import loader


def trainer_of_log() -> gc.Trainer:
    x, w = gc.input("x", ("batch", 2)), gc.parameter("w", (2,), 1.0)
    p = x @ w
    return gc.Trainer(-gc.mean(gc.log(p)), gc.optim.SGD(0.1))


LINE = trainer_of_log.__code__.co_firstlineno + 3


def test_a_value() -> None:
    trainer = trainer_of_log()
    assert trainer.last_failure is None
    with pytest.raises(OptionError, match="nothing to explain"):
        gc.explain(trainer.last_failure)
    data = np.ones((8, 2), np.float32)
    data[5] = -3
    with pytest.raises(NonFiniteError) as caught:
        trainer.step(x=data)
    failure = trainer.last_failure
    assert failure is not None
    assert repr(failure) == f"<Failure: {failure.message}>"
    assert failure.source is not None
    assert (failure.row, failure.source.place) == (5, (5,))
    assert str(caught.value).startswith(f"{failure.message}: {failure.source.sentence}")
    told = gc.explain(failure)
    assert list(told) == [failure]
    assert [line.split() for line in str(told).splitlines()] == [
        [*failure.message.split()],
        ["operand", "element", "least", "greatest", "line"],
        ["p", "-6", "-6", "2", f"test_failures.py:{LINE - 1}"],
        ["log", "gave", "nan", "at", "(5,)"],
        ["log(p)", f"test_failures.py:{LINE}"],
        ["row", "5", "of", "the", "batch"],
        ["x:", "[-3.", "-3.]"],
    ]
    # The emitted file, which runs without graphc, names the same row.
    emitted = trainer.emitted("readable", "program", ["all"])
    module = loader(emitted.source)()
    parameters = module.init_parameters(0)
    state, options = module.init_state(parameters, 0), {"epochs": 1, "batch_size": 8}
    with (
        np.errstate(all="ignore"),
        pytest.raises(module.NonFiniteError, match=r"nan in .* row . of .* 5 of all"),
    ):
        module.fit(parameters, state, {"x": data}, **options)
    for other in (copy.deepcopy(trainer), trainer.restarted()):
        assert other.last_failure is None
    with pytest.raises(NonFiniteError):
        trainer.fit({"x": data}, **options, verbose=False)
    assert trainer.last_failure is not failure
    assert "x: [-3. -3.]" in str(gc.explain(trainer.last_failure))


def test_a_gradient() -> None:
    x, w = gc.input("x", ("batch", 2)), gc.parameter("w", (2,), 1.0)
    p = x @ w
    trainer = gc.Trainer(gc.mean(gc.sqrt(p - 2)), gc.optim.SGD(0.1))
    with pytest.raises(NonFiniteError):
        trainer.step(x=np.float32([[2, 2], [1, 1]]))
    text = str(gc.explain(trainer.last_failure))
    assert "divide (vjp of sqrt) gave inf at (1,)" in text
    assert "in the gradient through sqrt" in text
    # By the derivative 1 / (2 sqrt(u)) at u = 2 and 0.
    row = next(
        line for line in text.splitlines() if "√" in line and "/" not in line[:9]
    )
    assert row.split()[-4:-1] == ["0", "0", f"{2 * 2**0.5:.6g}"]


def test_rows_of_another_axis() -> None:
    x, z = gc.input("x", ("batch", 2)), gc.input("z", (3, "batch"))
    p = x @ gc.parameter("w", (2,), 1.0) + gc.sum(z, axis=0)
    trainer = gc.Trainer(-gc.mean(gc.log(p)), gc.optim.SGD(0.1))
    data = {"x": np.ones((6, 2), "f4"), "z": np.ones((3, 6), "f4")}
    data["z"][1, 4] = -9
    with pytest.raises(NonFiniteError):
        trainer.step(**data)
    text = str(gc.explain(trainer.last_failure))
    assert text.endswith("row 4 of the batch\n    x: [1. 1.]\n    z: [ 1. -9. 1.]")
