"""Steps as statements, with phases as headings and shapes as comments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Sequence

from ...ir.dims import format_shape
from ...ir.node import Node
from ...program.function import Branch, Call, Compute, Loop, Step, Tiled, first_of
from ...pysource.writer import Writer
from .expressions import one_or_tuple
from .names import Names
from .values import Values


def phase_of(node: Node, forward: Collection[Node] = ()) -> str:
    """The pass that a node belongs to: forward, backward, or that of tangents.

    Args:
        node: any.
        forward: what is computed for results that are no derivatives. A derivative
            among them, as a loss may be made of, is of the forward pass.
    """
    if node.origin.derivative is None or node in forward:
        return "Forward"
    return "Backward" if node.origin.derivative.mode == "reverse" else "Tangents"


def _title_of(node: Node) -> str | None:
    """The user's own block, or the layer of layers, that a value is a part of."""
    found, block = None, node.origin.block
    while block is not None:
        found = block if block.op.is_users else found
        block = block.origin.block
    if found is not None and node.origin.derivative is None:
        return _title(found)
    layer = node.origin.layer
    return None if layer is None else layer.name


def _title(block: Node) -> str:
    called = f"{block.name}, {block.op.name}" if block.name else block.op.name
    formula = block.op.facts.formula
    return called if formula is None else f"{called}: {formula}"


def shape_comment(node: Node) -> str | None:
    """The shape as a comment says it, where it says more than the code.

    A number has none, and the adjoint of a value has that of the value.
    """
    if not node.shape or node.origin.derivative is not None:
        return None
    return format_shape(node.shape)


def write_several(
    writer: Writer, results: Sequence[Node | None], value: ast.expr, names: Names
) -> None:
    """Assign several results at once, with their shapes."""
    targets = [
        ast.Name("_" if node is None else names[node], ast.Store()) for node in results
    ]
    read = [node for node in results if node is not None]
    shapes = [format_shape(node.shape) if node.shape else "scalar" for node in read]
    told = any(map(shape_comment, read))
    statement = ast.Assign([one_or_tuple(targets)], value)
    writer.statement(statement, beside=", ".join(shapes) if told else None)


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
    forward: Collection[Node] = (),
) -> None:
    """Write steps in order; `run` writes those that compute several values."""
    firsts = [first_of(step) for step in steps] if headings else []
    phases = {phase_of(node, forward) for node in firsts}
    current, derives = "", False
    part: str | None = None
    for step in steps:
        first = first_of(step)
        phase = phase_of(first, forward)
        if len(phases) > 1 and phase != current and current in ("", "Forward"):
            writer.heading(phase)
            current = phase
        is_part = first.origin.derivative is not None and phase == "Forward"
        if is_part != derives and phases:
            writer.blank()
            if is_part:
                writer.comment("Derivatives that results are made of")
        derives = is_part
        title = _title_of(first) if headings else None
        if title != part:
            part = title
            writer.blank()
            if title is not None:
                writer.comment(title)
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
        writer.statement(statement, beside=comment)
