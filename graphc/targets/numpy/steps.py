"""Steps as statements, with phases as headings and shapes as comments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from ...ir.dims import format_shape
from ...ir.node import Node
from ...program.function import Branch, Call, Compute, Loop, Step, Tiled, first_of
from ...pysource.writer import Writer
from .expressions import one_or_tuple
from .names import Names
from .values import Values


def phase_of(node: Node) -> str:
    """The pass that a node belongs to: forward, backward, or that of tangents."""
    if node.origin.derivative is None:
        return "Forward"
    return "Backward" if node.origin.derivative.mode == "reverse" else "Tangents"


def own_block_of(node: Node) -> Node | None:
    """The user's own block that a value of the forward pass belongs to, if any."""
    found, block = None, node.origin.block
    while block is not None:
        found = block if block.op.is_users else found
        block = block.origin.block
    return None if node.origin.derivative is not None else found


def _title(block: Node) -> str:
    called = f"{block.name}, {block.op.name}" if block.name else block.op.name
    formula = block.op.facts.formula
    return called if formula is None else f"{called}: {formula}"


def shape_comment(node: Node) -> str:
    """The shape as a comment says it."""
    return format_shape(node.shape) if node.shape else "scalar"


def write_several(
    writer: Writer, results: Sequence[Node | None], value: ast.expr, names: Names
) -> None:
    """Assign several results at once, with their shapes."""
    targets = [
        ast.Name("_" if node is None else names[node], ast.Store()) for node in results
    ]
    shapes = ", ".join("-" if n is None else shape_comment(n) for n in results)
    writer.statement(ast.Assign([one_or_tuple(targets)], value), shapes)


Several = Tiled | Call | Loop | Branch
"""Steps that compute several values."""

Run = Callable[[Writer, Several, Values], None]
"""The way to write a step that computes several values."""


def write_steps(
    writer: Writer,
    steps: Sequence[Step],
    values: Values,
    run: Run | None = None,
    *,
    headings: bool = True,
) -> None:
    """Write steps in order; `run` writes those that compute several values."""
    phases = {phase_of(first_of(step)) for step in steps} if headings else set[str]()
    current = ""
    block: Node | None = None
    for step in steps:
        first = first_of(step)
        phase = phase_of(first)
        if len(phases) > 1 and phase != current and current in ("", "Forward"):
            writer.heading(phase)
            current = phase
        if (own := own_block_of(first)) is not block:
            block = own
            writer.blank()
            if block is not None:
                writer.comment(_title(block))
        for check in step.checks:
            with writer.about(check.positions):
                writer.statement(values.check(check))
        with writer.about(first):
            if isinstance(step, Compute):
                _write_value(writer, step, values)
            elif run is not None:
                run(writer, step, values)
    if len(phases) > 1:
        writer.blank()


def _write_value(writer: Writer, step: Compute, values: Values) -> None:
    """Write the statements of a value, with its shape where it is written."""
    if step.before is not None:
        for statement in values.statements(step.before):
            writer.statement(statement)
    if step.results:
        value = values.expression(step.form)
        write_several(writer, step.results, value, values.names)
        return
    target = values.names[step.node]
    array = target if step.array is None else values.names[step.array]
    commented = step.form.template.written_at
    for position, statement in enumerate(values.computed(step, target, array)):
        comment = shape_comment(step.node) if position == commented else None
        writer.statement(statement, comment)
