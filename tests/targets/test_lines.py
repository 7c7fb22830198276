"""Each line of an emitted program that computes is known to belong to a node."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.program.schedule import Tiling
from graphc.runtime.load import Program
from graphc.targets.numpy.training import emit_training
from graphc.training.assemble import training_plan

STYLES = ("readable", "fast")


def perceptron() -> gc.Node:
    x, y = gc.input("x", ("batch", 64)), gc.input("y", ("batch",), "int64")
    hidden = gc.nn.Linear(64, 32, name="hidden")(x)
    logits = gc.nn.Linear(32, 10, name="out")(gc.tanh(hidden) * gc.exp(hidden))
    return gc.nn.cross_entropy(logits, y)


def of_training(style: str, tile: int | None = None) -> Program:
    optimizer = gc.optim.Adam(lr=0.01)
    tiling = Tiling(tile) if tile else None
    plan = training_plan(perceptron(), optimizer, tiling=tiling)
    emitted = emit_training(plan, style)
    return Program(emitted.source, emitted.lines)


def statements(program: Program, *functions: str) -> Iterator[ast.stmt]:
    """The simple statements of functions and of the kernels of tiles."""
    for function in ast.parse(program.source).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        if function.name.endswith("_tile") or function.name in functions:
            for part in ast.walk(function):
                if isinstance(part, ast.stmt) and not hasattr(part, "body"):
                    yield part


COMPUTES_NOTHING = (
    *('"""', "'", "return ", "gradients = ", "slots = ", "rng = ", "tiles = "),
    *("state['step'] += 1", "flush_denormals("),
)
"""How statements begin that fetch nothing of one node and compute none."""


def is_of_no_node(statement: ast.stmt) -> bool:
    text = ast.unparse(statement)
    return text.startswith(COMPUTES_NOTHING) or "_workspace(" in text


@pytest.mark.parametrize(
    ("style", "tile"), [("readable", None), ("fast", None), ("fast", 64)]
)
def test_each_statement_of_a_training_step_has_a_node(
    style: str, tile: int | None
) -> None:
    program = of_training(style, tile)
    name = "loss_and_gradients" + "_in_place" * (style == "fast")
    found: list[Any] = []
    for statement in statements(program, name, "update"):
        node = program.node_at(statement.lineno)
        if node is None:
            assert is_of_no_node(statement), ast.unparse(statement)
        else:
            assert node.origin.location.file == __file__, ast.unparse(statement)
            found.append(node)
    assert len(found) > 40
    assert any("check_positions" in line for line in program.source.splitlines())
    assert ("_tile(" in program.source) == (tile is not None)


@pytest.mark.parametrize("style", STYLES)
def test_a_statement_over_several_lines_has_its_node_on_each(style: str) -> None:
    x = gc.input("a_name_that_takes_room", ("batch", 3))
    y = gc.concatenate([x + n for n in range(9)], axis=1).named("a_name_of_its_own")
    program = gc.compile(gc.sum(y), style=style)._program
    (wide,) = (
        statement
        for statement in statements(program, "compute")
        if "concatenate" in ast.unparse(statement)
    )
    assert wide.end_lineno > wide.lineno
    for line in range(wide.lineno, wide.end_lineno + 1):
        assert program.node_at(line).name == "a_name_of_its_own"


@pytest.mark.parametrize("style", STYLES)
def test_an_error_in_an_update_names_the_line_of_the_optimizer(style: str) -> None:
    program = of_training(style)
    module: Any = program.module
    parameters = module.init_parameters()
    state = module.init_state(parameters)
    gradients = {key: np.ones_like(value) for key, value in parameters.items()}
    gradients["out.bias"] = np.ones(7, "float32")
    with pytest.raises(ValueError, match="broadcast") as caught, program.tracing():
        module.update(parameters, gradients, state)
    (note,) = caught.value.__notes__
    line = of_training.__code__.co_firstlineno
    assert f"{__file__}:{line + 3}" in note or f"{__file__}:{line + 1}" in note


def test_lines_survive_a_pickle() -> None:
    plan = training_plan(perceptron(), gc.optim.SGD(lr=0.1))
    emitted = emit_training(plan, "fast")
    copied = pickle.loads(pickle.dumps(emitted))
    assert copied.lines.keys() == emitted.lines.keys()
    for line, node in emitted.lines.items():
        assert copied.lines[line].describe() == node.describe()
