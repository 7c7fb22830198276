"""Losses that ranks can share: means over rows, none of which changes another one.

The loss and the gradients of a batch are then the means of those of its parts. Which op
mixes rows is not declared anywhere, so this is tried out: a few rows are computed
together, with one of them changed, and apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import OptionError
from ..ir.dims import Dim, Shape, evaluate_shape, symbols_of
from ..ir.evaluate import Array, evaluate_node
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import TupleType
from ..program.plan import TrainingPlan
from ..runtime.interpreter import initial_value

ROWS = 5
OTHER_SIZE = 8
"""Rows to try a loss with, and every other size that has a name."""

Values = dict[Node, Array]


def check_shared(plan: TrainingPlan, losses: Sequence[Node]) -> None:
    """Raise `OptionError` where processes can't share the rows of a batch.

    Args:
        plan: of the program.
        losses: as declared, one or several.
    """
    rows = plan.row_dimension
    if not isinstance(rows, Dim) or rows.symbols() != (str(rows),):
        raise OptionError(
            "to share batches, their number of rows must have a name, as in "
            f"gc.input(..., ('batch', 3)); {_given(plan)}"
        )
    for buffer, value in plan.assigned.items():
        if any(node.op.role is Role.INPUT for node in Graph((value,)).nodes):
            raise OptionError(
                "batches can't be shared: each step assigns to the buffer "
                f"{buffer.name!r} what it computes from all rows of a batch",
                at=value,
                hint="gc.nn.LayerNorm or gc.nn.GroupNorm in place of BatchNorm",
            )
    if any(total.startswith("loss.") for total in plan.totals):
        raise OptionError(
            "batches can't be shared: the loss is a formula of several means over "
            "rows, and not their sum",
            at=losses[0],
        )
    trial = Trial(plan, Graph(tuple(losses)))
    for node in trial.draws:
        trial.check_draw(node)
    trial.check_rows()
    for loss in losses:
        trial.check_mean(loss)


def _given(plan: TrainingPlan) -> str:
    shapes = [f"{node.name} is {node.shape}" for node in plan.inputs]
    return ", ".join(shapes) or "the model has no inputs"


@dataclass(frozen=True, eq=False)
class Trial:
    """Losses computed on a few rows of random data."""

    plan: TrainingPlan
    graph: Graph

    @cached_property
    def rows(self) -> Dim:
        """The number of rows of a batch."""
        rows = self.plan.row_dimension
        assert isinstance(rows, Dim)
        return rows

    @cached_property
    def draws(self) -> tuple[Node, ...]:
        """The random draws."""
        return tuple(node for node in self.graph.meanings if not node.op.pure)

    @cached_property
    def parameters(self) -> Values:
        """Parameters near their start, none of them exactly 0."""
        rng = np.random.default_rng(0)
        found: Values = {}
        for node in Graph(self.graph.outputs).meanings:
            if node.op.role in (Role.PARAMETER, Role.BUFFER):
                start = initial_value(node, rng)
                noise: Array = np.empty_like(start)
                noise[...] = rng.uniform(0.05, 0.1, noise.shape)
                moves = node.op.role is Role.PARAMETER and start.dtype.kind == "f"
                found[node] = np.add(start, noise) if moves else start
        return found

    def data(self, seed: int, *, positive: bool = False) -> Values:
        """Random values of all inputs and draws."""
        rng = np.random.default_rng(seed)
        sizes = self.sizes(ROWS)
        found: Values = {}
        for node in self.graph.meanings:
            if node.op.role is Role.INPUT:
                shape = evaluate_shape(node.shape, sizes)
                bounds = self.plan.bounds.get(node, (0, 1))
                if node.dtype.kind == "f":
                    drawn = rng.standard_normal(shape)
                    value = np.abs(drawn) % 0.8 + 0.1 if positive else drawn
                else:
                    value = rng.integers(bounds[0], bounds[1], shape, endpoint=True)
                found[node] = np.asarray(value, node.dtype)
            elif not node.op.pure:
                found[node] = evaluate_node(node, (), sizes, rng)
        return found

    def sizes(self, rows: int) -> dict[str, int]:
        """The numbers that named sizes stand for."""
        every = symbols_of(size for node in self.plan.inputs for size in node.shape)
        return {**dict.fromkeys(every, OTHER_SIZE), str(self.rows): rows}

    def rows_of(self, data: Values, rows: slice) -> Values:
        """Some rows of data."""
        return {n: array[self.place(n.shape, rows)] for n, array in data.items()}

    def place(self, shape: Shape, rows: slice) -> tuple[slice, ...]:
        """The place of some rows, of which an axis has each or several numbers."""
        found = [slice(None)] * len(shape)
        for axis, size in enumerate(shape):
            if str(self.rows) in symbols_of((size,)):
                (each,) = evaluate_shape((size,), self.sizes(1))
                found[axis] = slice(rows.start * each, rows.stop * each)
        return tuple(found)

    def values(self, data: Values, rows: int = ROWS) -> Mapping[Node, Array]:
        """The values of all nodes."""
        found = {**self.parameters, **data}
        sizes = self.sizes(rows)
        with np.errstate(all="ignore"):
            for node in self.graph.meanings:
                if node.op.is_block:
                    found[node] = found[node.expansion]
                elif node not in found:
                    given = [found[parent] for parent in node.inputs]
                    found[node] = evaluate_node(node, given, sizes)
        return found

    @cached_property
    def whole(self) -> tuple[Values, Mapping[Node, Array]]:
        """Data for which the losses are finite, with the values of all nodes."""
        for seed in range(4):
            data = self.data(seed, positive=seed % 2 == 1)
            values = self.values(data)
            if all(np.isfinite(values[loss]) for loss in self.graph.outputs):
                return data, values
        raise OptionError(
            "batches can't be shared: whether rows change one another is tried with "
            "random data, and the loss of that is not finite",
            at=self.graph.outputs[0],
        )

    def check_draw(self, node: Node) -> None:
        """Raise unless a draw has as many numbers of its own for each row."""
        counted = tuple(s for s in node.shape if str(self.rows) in symbols_of((s,)))
        if not counted:
            return
        one, every = (evaluate_shape(counted, self.sizes(n)) for n in (1, ROWS))
        is_apart = len(counted) == 1 and every[0] == ROWS * one[0]
        if not is_apart or node.attributes.get("shape") != node.shape:
            raise OptionError(
                f"batches can't be shared: {node.describe()} does not draw as many "
                "numbers for each row, along one axis",
                at=node,
            )

    def check_rows(self) -> None:
        """Raise at the first value of a row that another row changes."""
        data, values = self.whole
        other = self.data(len(self.plan.inputs) + 4)
        changed: dict[Node, int | Array] = dict.fromkeys(self._nodes(), 0)
        for row in range(ROWS):
            mixed = dict(data)
            for node, array in data.items():
                if str(self.rows) in symbols_of(node.shape):
                    place = self.place(node.shape, slice(row, row + 1))
                    mixed[node] = array.copy()
                    mixed[node][place] = other[node][place]
            new = self.values(mixed)
            for node in changed:
                before, after = values[node], new[node]
                same = (before == after) | ((before != before) & (after != after))
                changed[node] = changed[node] + ~same
        for node, counts in changed.items():
            if np.any(np.asarray(counts) > 1):
                raise OptionError(
                    f"batches can't be shared: in {node.describe()} the values of a "
                    "row depend on other rows, which another process may have",
                    at=node,
                    hint="one process; or, for BatchNorm, gc.nn.LayerNorm or GroupNorm",
                )

    def _nodes(self) -> Iterator[Node]:
        """Nodes as declared that have values of rows."""
        for node in self.graph.nodes:
            if isinstance(node.type, TupleType):
                continue
            if str(self.rows) in symbols_of(node.shape):
                yield node

    def check_mean(self, loss: Node) -> None:
        """Raise unless a loss is the mean of those of parts of a batch."""
        data, values = self.whole
        mean = total = 0.0
        for rows in (slice(0, 2), slice(2, ROWS)):
            part, count = self.rows_of(data, rows), rows.stop - rows.start
            weight = float(count)
            if self.plan.loss_weight is not None:
                (node,) = self.plan.loss_weight.outputs
                alone = Trial(self.plan, Graph((node,)))
                weight = float(alone.values(part, count)[node])
            total += weight
            mean += weight * float(self.values(part, count)[loss]) if weight else 0.0
        given = float(values[loss])
        tolerance = min(0.02, 1e3 * float(np.finfo(loss.dtype).eps))
        if abs(mean / total - given) > tolerance * max(1.0, abs(given)):
            raise OptionError(
                "batches can't be shared: the loss is not a mean over rows; of "
                f"{ROWS} rows it is {given:.6g}, and the mean of two parts of them is "
                f"{mean / total:.6g}",
                at=loss,
                hint="gc.mean in place of gc.sum, as reduction='mean' of a loss",
            )
