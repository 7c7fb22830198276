"""Calls of functions in C with arrays that change, and that are not as C reads them."""

from __future__ import annotations

import copy
import pickle
import platform
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from tests.targets.c.compiled import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

Array = np.ndarray[Any, Any]


def _trainer(units: int = 3) -> gc.Trainer:
    x, y = gc.input("x", ("batch", 4)), gc.input("y", ("batch",), "int64")
    loss = gc.nn.cross_entropy(gc.nn.Linear(4, units, name="layer")(x), y)
    return gc.Trainer(loss, gc.optim.SGD(0.1, momentum=0.5), style="native")


def _started(trainer: gc.Trainer) -> tuple[Any, dict[str, Array], dict[str, Any]]:
    module = trainer.module
    parameters = module.init_parameters(0)
    return module, parameters, module.init_state(parameters, 0)


def _batch(rows: int = 5) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 4)).astype("float32")
    return x, rng.integers(0, 3, rows)


def test_arrays_whose_memory_is_exchanged() -> None:
    """`ndarray.resize` frees what an array had; it stays the same object."""
    module, parameters, state = _started(_trainer())
    _, others, other_state = _started(_trainer())
    x, y = _batch()
    bias = parameters["layer.bias"] = parameters["layer.bias"].copy()
    for _ in range(2):
        module.train_step(parameters, state, x, y)
        module.train_step(others, other_state, x, y)
        # Again and again in other places.
        for resized in (x, y):
            shape = resized.shape
            resized.resize((10**6,), refcheck=False)
            resized.resize(shape, refcheck=False)
    bias.resize((10**6,), refcheck=False)
    with pytest.raises(ValueError, match="shape"):
        module.train_step(parameters, state, x, y)
    bias.resize((3,), refcheck=False)
    module.train_step(parameters, state, x, y)
    module.train_step(others, other_state, x, y)
    for name, value in others.items():
        np.testing.assert_array_equal(parameters[name], value)


def test_array_that_becomes_read_only() -> None:
    module, parameters, state = _started(_trainer())
    module.train_step(parameters, state, *_batch())
    before = copy.deepcopy(parameters)
    arrays = (parameters["layer.bias"], state["slots"]["layer.weight.momentum_buffer"])
    for array in arrays:
        array.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            module.train_step(parameters, state, *_batch())
        array.flags.writeable = True
    for name, value in before.items():
        np.testing.assert_array_equal(parameters[name], value)
    module.train_step(parameters, state, *_batch())
    assert state["step"] == 2


def _unaligned(array: Array) -> Array:
    memory = np.empty(array.nbytes + 1, np.uint8)
    result = memory[1:].view(array.dtype).reshape(array.shape)
    result[...] = array
    assert not result.flags.aligned
    return result


def _of_other_dtype(array: Array) -> Array:
    """The same with a dtype that is equal to NumPy's own, and not the same object."""
    result = array.view(pickle.loads(pickle.dumps(array.dtype)))
    assert result.dtype is not array.dtype
    return result


def _swapped(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder())


def _reversed(array: Array) -> Array:
    return array[::-1].copy()[::-1]


def _masked(array: Array) -> Array:
    """The same array as another class."""
    return array.view(np.ma.MaskedArray)


KINDS: dict[str, Callable[[Array], Array]] = {
    "unaligned": _unaligned,
    "dtype": _of_other_dtype,
    "masked": _masked,
    "reversed": _reversed,
}


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_all_kinds(kind: str) -> None:
    """All give the same bits, and all that is updated is."""
    module, parameters, state = _started(_trainer())
    _, others, other_state = _started(_trainer())
    x, y = _batch()
    for values in (others, other_state["slots"]):
        for name in values:
            values[name] = KINDS[kind](values[name])
    for _ in range(3):
        loss = module.train_step(parameters, state, x, y)
        given = (KINDS[kind](x), KINDS[kind](y))
        assert module.train_step(others, other_state, *given) == loss
    for name, value in parameters.items():
        np.testing.assert_array_equal(others[name], value)
    for name, value in state["slots"].items():
        np.testing.assert_array_equal(other_state["slots"][name], value)


def test_data_of_the_other_byte_order() -> None:
    module, parameters, state = _started(_trainer())
    _, others, other_state = _started(_trainer())
    x, y = _batch()
    loss = module.train_step(parameters, state, x, y)
    assert module.train_step(others, other_state, _swapped(x), _swapped(y)) == loss


def test_objects_of_unknown_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another Python than CPython has its objects elsewhere: Python tells addresses."""
    assert _trainer().module.has_known_objects()
    # Libraries are shared by programs of one text, so this one has sizes of its own.
    trainer, other = _trainer(7), _trainer(7)
    monkeypatch.setattr(platform, "python_implementation", lambda: "PyPy")
    module, parameters, state = _started(trainer)
    assert not module.has_known_objects()
    unknown = [module.train_step(parameters, state, *_batch()) for _ in range(3)]
    parameters["layer.bias"] = parameters["layer.bias"][:3]
    with pytest.raises(ValueError, match="shape"):
        module.train_step(parameters, state, *_batch())
    monkeypatch.undo()
    module, parameters, state = _started(other)
    known = [module.train_step(parameters, state, *_batch()) for _ in range(3)]
    assert known == unknown
