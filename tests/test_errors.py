"""Every error says op, shapes, what to try, and the user's own line."""

from __future__ import annotations

import inspect
import linecache
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import graphc as gc
from graphc import locations
from graphc.errors import GraphcError, InternalError


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
    scope: dict[str, Any] = {"find": locations.user_location}
    exec(compile("found = find()", beside, "exec"), scope)
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


def _cell(monkeypatch: pytest.MonkeyPatch, name: str) -> GraphcError:
    """An error of the second line of a cell."""
    cell = "x = 1\ny = gc.exp('text')\n"
    entry = (len(cell), None, cell.splitlines(keepends=True), name)
    monkeypatch.setitem(linecache.cache, name, entry)
    with pytest.raises(GraphcError) as caught:
        exec(compile(cell, name, "exec"), {"gc": gc})
    return caught.value


def test_in_a_notebook_the_line_of_the_cell_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Notebooks give each cell the name of a file that does not exist.
    name = "/tmp/ipykernel_7/123.py"
    error = _cell(monkeypatch, name)
    assert error.location == f"{name}:2"
    assert f"at:   {name}:2: y = gc.exp('text')" in str(error)
    names = {name: ("Cell", "In[3]")}
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name=names.get))
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", cast("Any", ipython))
    error = _cell(monkeypatch, name)
    assert error.location == "Cell In[3], line 2"
    assert "at:   Cell In[3], line 2: y = gc.exp('text')" in str(error)
    assert _cell(monkeypatch, "<timed>").location == "<timed>:2"


CELLS = """
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="nocolor")
shell.run_cell("import graphc as gc; x = gc.input('x', (2, 3))", store_history=True)
shell.run_cell("y = 2\\nz = x + gc.ones((4,))", store_history=True)
"""


def test_ipython_shows_cells_alone() -> None:
    pytest.importorskip("IPython")
    done = subprocess.run(
        [sys.executable, "-c", CELLS], capture_output=True, text=True, check=True
    )
    assert "at:   Cell In[2], line 2: z = x + gc.ones((4,))" in done.stdout
    assert "graphc/" not in done.stdout


def _solved(matrix: Any) -> Any:
    return gc.compile(gc.linalg.solve(matrix, gc.ones((2,))))


def _diverges() -> gc.Trainer:
    return gc.Trainer(gc.log(0.0 * gc.sum(_w(2))), gc.optim.SGD(0.1))


TRACED: list[Callable[[], Any]] = [
    *MISTAKES,
    lambda: gc.exp(1, 2),  # type: ignore[call-arg]
    lambda: gc.expp,
    lambda: gc.nn.relu7,
    lambda: _x().expp,
    lambda: _x().at[7].set(0.0),
    lambda: gc.nn.Linear(4, 3)(_x()),
    lambda: gc.nn.Sequential(gc.nn.Linear(3, 4), gc.nn.Linear(3, 4))(_x()),
    lambda: gc.function(lambda x: x @ _w(4))(_x()),
    lambda: gc.scan(lambda c, x: (c + _w(4), x), gc.zeros((3,)), _x()),
    lambda: gc.optim.SGD(lr=-1),
    lambda: gc.compile(_x())(x=[1.0]),
    lambda: gc.compile(_x()).parameters["v"],
    lambda: _solved(_x(2, 2))(x=np.zeros((2, 2))),
    lambda: gc.evaluate(_x(), {}),
    lambda: gc.interpret([_x()], {"x": np.ones((2, 3))})["y"],
    lambda: _diverges().step(),
    lambda: _diverges().step(x=1.0),
    lambda: _diverges().fit({"x": np.ones(3)}),
    lambda: gc.render(_x(), rankdir="XY"),  # type: ignore[arg-type]
]


def _files(error: BaseException) -> set[str]:
    return {frame.filename for frame in traceback.extract_tb(error.__traceback__)}


@pytest.fixture
def short_tracebacks() -> Iterator[None]:
    gc.full_tracebacks(False)
    yield
    gc.full_tracebacks()


@pytest.mark.usefixtures("short_tracebacks")
def test_a_traceback_ends_at_the_users_line() -> None:
    wrong: list[str] = []
    for mistake in TRACED:
        try:
            mistake()
        except GraphcError as error:
            cause = _files(error.__cause__) if error.__cause__ is not None else set()
            if _files(error) != {__file__} or any("graphc/" in each for each in cause):
                wrong.append(_source(mistake))
        else:
            wrong.append(_source(mistake))
    assert not wrong


def test_full_tracebacks_have_functions_of_graphc() -> None:
    gc.full_tracebacks()
    with pytest.raises(GraphcError) as caught:
        _x() + _w(4)
    assert any("graphc/ops/" in each for each in _files(caught.value))


@pytest.mark.usefixtures("short_tracebacks")
def test_a_fault_of_graphc_has_a_full_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graphc.runtime.compiler.optimize", np.linalg.svd)
    with pytest.raises(InternalError) as caught:
        gc.compile(_x())
    assert any("graphc/arguments/" in each for each in _files(caught.value))
