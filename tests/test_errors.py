"""Every error says op, shapes, what to try, and the user's own line."""

from __future__ import annotations

import inspect
import linecache
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError


def _x(*shape: Any, dtype: str = "float32") -> Any:
    return gc.input("x", shape or (2, 3), dtype)


def _w(*shape: Any) -> Any:
    return gc.parameter("w", shape)


N = gc.Dim("n")

# Each is one expression on one line, whose number the error must name.
MISTAKES: list[Callable[[], Any]] = [
    lambda: _x() + _w(4),
    lambda: np.ones(4) + _x(),
    lambda: _x() @ _w(4, 2),
    lambda: _x(2) - _w(3),
    lambda: np.matmul(_x(), _w(2)),
    lambda: gc.where(_x() > 0, _x(), _w(7)),
    lambda: gc.clip(_x(), _w(5), None),
    lambda: _x().sum(axis=2),
    lambda: np.mean(_x(), axis=-3),
    lambda: _x().reshape(5),
    lambda: _x().reshape(-1, -1),
    lambda: _x().reshape(-1, 4),
    lambda: _x().transpose(0, 0),
    lambda: gc.expand_dims(_x(), 5),
    lambda: gc.squeeze(_x(), 0),
    lambda: gc.broadcast_to(_x(), (3, 3)),
    lambda: gc.broadcast_to(_x(), "a b"),
    lambda: gc.concatenate([_x(), _w(2, 2)]),
    lambda: gc.concatenate([]),
    lambda: gc.stack([_x(), _w(2, 2)]),
    lambda: _x()[5],
    lambda: _x()[0, 0, 0],
    lambda: _x()[1.5],
    lambda: _x("n", 3)[:5],
    lambda: gc.take_along_axis(_x(), np.zeros((2, 3)), 1),
    lambda: gc.take_along_axis(_x(), np.zeros(2, int), 1),
    lambda: gc.max(_x(0, 3), axis=0),
    lambda: gc.sliding_window_view(_x(), 4, 1),
    lambda: gc.sliding_window_view(_x(), 2),
    lambda: gc.sliding_window_view(_x(), 0, 1),
    lambda: gc.sliding_window_view(_x(), 1.5, 1),
    lambda: gc.exp("text"),
    lambda: gc.constant([[1], [2, 3]]),
    lambda: gc.constant(1.0, "complex64"),
    lambda: gc.input("a b", ()),
    lambda: gc.input("x", (-1,)),
    lambda: gc.input("x", (), "complex64"),
    lambda: gc.parameter("class", ()),
    lambda: gc.parameter("w", ("n",)),
    lambda: gc.parameter("w", (2,), [1.0, 2.0, 3.0]),
    lambda: gc.parameter("w", (2,), gc.init.zeros),
    lambda: gc.parameter("w", (2,), gc.init.glorot_uniform()),
    lambda: gc.parameter("w", (2,), 0.0, "int99"),
    lambda: gc.Dim("1x"),
    lambda: range(N),
    lambda: bool(_x()),
    lambda: list(_x("n")),
    lambda: np.asarray(_x()),
    lambda: _x(dtype="uint8") + 300,
    lambda: _x() & _x(),
    lambda: gc.bernoulli(1.5, (2,)),
    lambda: gc.bernoulli(0.5, (-2,)),
    lambda: gc.zeros((1.5,)),
    lambda: gc.full((2,), _x()),
    lambda: _x().named("1"),
    lambda: gc.grad(_x(), _x()),
    lambda: gc.grad(gc.sum(_x()), _x()),
    lambda: gc.grad(gc.sum(_x(dtype="int64")), _x(dtype="int64")),
    lambda: gc.vjp(_x(), _x(), np.ones(3)),
    lambda: gc.jvp(_x(), _x(), np.ones(3)),
    lambda: gc.jacobian(_x(dtype="int64"), _x(dtype="int64")),
    lambda: gc.vmap(gc.add)(_x(), _w(4)),
    lambda: gc.vmap(gc.exp, in_axes=2)(_x()),
    lambda: gc.vmap(gc.exp, in_axes=(0, 0))(_x()),
    lambda: gc.vmap(gc.exp, in_axes={"x": 0})(_x()),
    lambda: gc.vmap(gc.exp, in_axes=None)(_x()),
    lambda: gc.vmap(gc.exp, out_axes=None)(_x()),
    lambda: gc.vmap(lambda x: x + 0.0 if x is None else 2.0)(_x()),
    lambda: gc.vmap(lambda x: x @ _w(4))(_x()),
    lambda: gc.vmap(lambda x: x + gc.random.permutation(3))(_x()),
    lambda: gc.vmap(3),  # type: ignore[type-var]
]


def _line(mistake: Callable[[], Any]) -> str:
    return f"{__file__}:{mistake.__code__.co_firstlineno}"


def _source(mistake: Callable[[], Any]) -> str:
    return inspect.getsource(mistake).strip().removeprefix("lambda: ").rstrip(",")


@pytest.mark.parametrize("mistake", MISTAKES, ids=_source)
def test_an_error_names_the_users_line(mistake: Callable[[], Any]) -> None:
    with pytest.raises(GraphcError) as caught:
        mistake()
    assert caught.value.location == _line(mistake)
    assert f"at:   {_line(mistake)}" in str(caught.value)


@pytest.mark.parametrize(
    ("mistake", "parts"),
    [
        (lambda: _x() + _w(4), ["add(", "x: float32 (2, 3)", "w: float32 (4,)"]),
        (lambda: _x() @ _w(4, 2), ["matmul(", "(2, 3) @ (4, 2)", "3 and 4"]),
        (lambda: _x().reshape(5), ["reshape(", "(2, 3)", "(5,)", "-1"]),
        (lambda: _x()[5], ["indexing of x", "index 5", "axis 0 of size 2"]),
        (lambda: _x().sum(axis=2), ["axis 2", "(2, 3)", "x: float32"]),
        (lambda: gc.grad(_x(), _x()), ["scalar", "float32 (2, 3)", "gc.mean"]),
        (lambda: gc.concatenate([_x(), _w(3, 2)]), ["(2, 3) and (3, 2)", "axis 0"]),
        (lambda: gc.exp(_x()) + _w(4), ["exp: float32 (2, 3)"]),
    ],
)
def test_an_error_says_what_was_given(
    mistake: Callable[[], Any], parts: list[str]
) -> None:
    with pytest.raises(GraphcError) as caught:
        mistake()
    for part in parts:
        assert part in str(caught.value)


def test_errors_are_the_builtins_that_fit() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        _x() + _w(4)
    with pytest.raises(IndexError):
        _x()[5]
    with pytest.raises(TypeError):
        gc.exp("text")
    with pytest.raises(ArithmeticError):
        gc.evaluate(gc.log(gc.zeros(())), check_finite=True)


def test_nodes_remember_the_users_line() -> None:
    x = _x()
    y = gc.tanh(x)
    here = inspect.currentframe()
    assert here is not None
    assert str(y.origin.location) == f"{__file__}:{here.f_lineno - 3}"
    gradient = gc.grad(gc.sum(y * y), x)
    assert gradient.origin.gradient_of is x
    assert gradient.origin.location == y.origin.location
    assert gradient.origin.rules == ("vjp of tanh",)
    for node in (y, x):
        assert node.origin.rules == ()


def test_a_helper_of_the_users_is_the_users_line(tmp_path: Path) -> None:
    """The innermost line outside the package: where the op itself was written."""
    model = tmp_path / "model.py"
    model.write_text(
        "import graphc as gc\n"
        "def layer(x, size):\n"
        "    return x @ gc.parameter('w', (size, 2))\n"
        "layer(gc.input('x', ('n', 3)), 4)\n"
    )
    result = subprocess.run(
        [sys.executable, str(model)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert f"at:   {model}:3" in result.stderr


def test_a_directory_that_begins_alike_is_the_users(tmp_path: Path) -> None:
    """`.../graphc_models/x.py` is not inside the package `.../graphc`."""
    package = Path(gc.__file__).parent
    beside = str(package) + "_models/model.py"
    scope: dict[str, Any] = {"errors": gc.errors}
    exec(compile("found = errors.user_location()", beside, "exec"), scope)
    assert scope["found"].file == beside


def test_an_error_while_a_node_is_derived_names_the_line_of_its_source() -> None:
    from graphc.ir.origin import derived, replacing

    y = gc.tanh(_x())
    with derived(y, "vjp of tanh"):
        assert GraphcError("message").location == str(y.origin.location)
    with replacing(y, "rule"):
        assert GraphcError("message").location == str(y.origin.location)
    assert GraphcError("message").location != str(y.origin.location)


def test_what_whoever_raises_says_comes_before_what_is_found() -> None:
    y = gc.tanh(_x())
    error = GraphcError("message", location="model.py:1").locate(node="tanh", at=y)
    assert (error.node, error.location) == ("tanh", "model.py:1")
    found = GraphcError("message").locate(at=y)
    assert (found.node, found.location) == (y.describe(), str(y.origin.location))


def test_the_line_of_a_context_managers_caller_is_the_users(tmp_path: Path) -> None:
    """Errors of emitted programs are translated inside one."""
    loss = gc.nn.mse_loss(_x() @ _w(3, 1), gc.input("t", (2, 1)))
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1))
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(b"no archive")
    mistake = lambda: trainer.load(damaged)  # noqa: E731
    with pytest.raises(GraphcError) as caught:
        mistake()
    assert caught.value.location == _line(mistake)


def test_in_a_notebook_the_line_of_the_cell_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Notebooks give each cell the name of a file that does not exist.
    name, cell = "/tmp/ipykernel_7/123.py", "x = 1\ny = gc.exp('text')\n"
    entry = (len(cell), None, cell.splitlines(keepends=True), name)
    monkeypatch.setitem(linecache.cache, name, entry)
    with pytest.raises(GraphcError) as caught:
        exec(compile(cell, name, "exec"), {"gc": gc})
    assert caught.value.location == f"{name}:2"
    assert "at:   line 2 of the cell: y = gc.exp('text')" in str(caught.value)
