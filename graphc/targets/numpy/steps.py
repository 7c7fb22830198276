"""Steps as statements, with phases as headings and shapes as comments."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Collection, Sequence

from ...ir.dims import format_shape
from ...ir.node import Node
from ...program.function import (
    Branch,
    Call,
    Compute,
    Loop,
    Native,
    Ready,
    Step,
    Tiled,
    first_of,
)
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


def _starts_of_blocks(firsts: Sequence[Node]) -> dict[int, Node | None]:
    """Places where some steps of a block begin, and None where these are over."""
    found: dict[int, Node | None] = {}
    blocks = [_block_of(first) for first in firsts]
    places = range(len(blocks))

    def key(place: int) -> object:
        # By number, because nodes that are compared are an op.
        return _index(blocks[place]), _pass_of(firsts[place])

    for _, run in itertools.groupby(places, key):
        start, *others = run
        is_derived = firsts[start].origin.derivative is not None
        fewest = FEWEST_OF_A_DERIVATIVE if is_derived else FEWEST_OF_A_BLOCK
        if blocks[start] is not None and len(others) + 1 >= fewest:
            found[start], found[others[-1] + 1] = blocks[start], None
    return found


FEWEST_OF_A_BLOCK, FEWEST_OF_A_DERIVATIVE = 3, 2
"""Fewer steps say themselves what they are."""


def _block_of(node: Node) -> Node | None:
    """The outermost of graphc's own blocks that a value, or what it is a part of the
    derivative of, is in.
    """
    found, block = None, node.origin.block
    if node.origin.derivative is not None:
        through = node.origin.derivative.through
        block = through if through.op.is_block else through.origin.block
    while block is not None:
        found = found if block.op.is_users else block
        block = block.origin.block
    return found


def _index(block: Node | None) -> int | None:
    return None if block is None else block.index


def _pass_of(node: Node) -> str:
    """The pass that a value is a part of, in words to go before a block."""
    derivative = node.origin.derivative
    if derivative is None:
        return ""
    return "Gradient of " if derivative.mode == "reverse" else "Tangent of "


def _called(block: Node, part: Node) -> str:
    """The op of a block that a value is a part of, below the name that a user gave."""
    name, op = block.label or "", block.op.name
    called = op if not name or name.startswith(op) else f"{name}: {op}"
    return f"{_pass_of(part)}{called}"


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


Several = Tiled | Call | Loop | Branch | Native | Ready
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
    blocks: bool = False,
    forward: Collection[Node] = (),
) -> None:
    """Write steps in order; `run` writes those that compute several values.

    With `blocks`, several steps that compute a block together stand below its name.
    """
    firsts = [first_of(step) for step in steps] if headings else []
    phases = {phase_of(node, forward) for node in firsts}
    starts = _starts_of_blocks(firsts) if blocks else {}
    current, derives = "", False
    part: str | None = None
    for position, step in enumerate(steps):
        first = first_of(step)
        block = starts.get(position)
        if position in starts:
            writer.blank()
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
        if block is not None:
            writer.blank()
            writer.comment(_called(block, first))
        for check in () if isinstance(step, Native) else step.checks:
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
