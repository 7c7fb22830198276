"""The values of a run of the interpreter: by node, by name, and their derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import closest, shown, unchecked_entry
from ..autodiff.reverse import grad
from ..errors import DifferentiationError, UnknownNameError
from ..ir.called import value_names
from ..ir.dims import format_shape
from ..ir.evaluate import evaluate_node
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import TupleType, is_floating
from .html import aligned, html_table
from .summaries import in_a_line

if TYPE_CHECKING:
    from rich.table import Table

Array = np.ndarray[Any, Any]

_HEADINGS = ("name", "op", "shape", "dtype", "value")
_LONGEST = 40
"""The most characters of a name in the table."""
_CONSTANT = (Role.CONSTANT, Role.FULL, Role.SIZE)


class Interpretation(Mapping[Node, Array]):
    """The values of one run: every node's, by the node or by its name.

    Iteration goes over nodes in the order of evaluation. Printed, it is a table of what
    the user declared and of gradients; what blocks consist of is there, too, and has no
    row. `run["d_x"]` is the gradient by `x`, see `gradient`.

    >>> import graphc as gc
    >>> x = gc.input("x", (2,), "float64")
    >>> loss = gc.sum(x * x).named("loss")
    >>> run = gc.interpret([loss], {"x": [1.0, 2.0]})
    >>> print(run)
    name      op        shape  dtype    value
    --------  --------  -----  -------  ------
    x         input     (2,)   float64  [1, 2]
    multiply  multiply  (2,)   float64  [1, 4]
    loss      sum       ()     float64  5
    >>> run["loss"], run.gradient("x")
    (array(5.), array([2., 4.]))
    """

    def __init__(
        self,
        values: Mapping[Node, Array],
        outputs: Sequence[Node] = (),
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self._values = dict(values)
        self._outputs = tuple(dict.fromkeys(outputs))
        self._sizes = sizes or {}

    @unchecked_entry
    def __getitem__(self, key: Node | str) -> Array:
        if isinstance(key, str) and key not in self and key.startswith("d_"):
            of = key.removeprefix("d_")
            if of in self:
                return self.gradient(of)
        return self._values[self._node(key)]

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            return bool(self._named(key))
        return isinstance(key, Node) and key in self._values

    def __iter__(self) -> Iterator[Node]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @property
    def sizes(self) -> Mapping[str, int]:
        """The named sizes that the arrays which were fed told."""
        return self._sizes

    @cached_property
    def names(self) -> Mapping[Node, str]:
        """The names of the nodes that the table has rows for."""
        return value_names(node for node in self._values if self._has_row(node))

    @unchecked_entry
    def gradient(self, node: Node | str, of: Node | str | None = None) -> Array:
        """The gradient of a scalar of the run by one of its nodes.

        It is computed from the values that were kept, whether the run was asked for it
        or not.

        Args:
            node: a node or its name.
            of: the scalar, or its name; by default the only floating scalar among the
                nodes that the run was asked for, or that called `loss`.

        Raises:
            DifferentiationError: the scalar does not depend on the node, or there is
                none, or more than one.
            UnknownNameError: there is no such node.
        """
        y, x = self._scalar(of), self._node(node)
        adjoint = grad(y, x)
        values = dict(self._values)
        for each in Graph((adjoint,)).meanings:
            if each in values:
                continue
            if each.op.is_block:
                values[each] = values[each.expansion]
                continue
            given = [values[parent] for parent in each.inputs]
            values[each] = evaluate_node(each, given, self._sizes)
        return np.array(values[adjoint])

    def __str__(self) -> str:
        return "\n".join(aligned(_HEADINGS, self._rows()))

    def __repr__(self) -> str:
        names = [_short(name) for name in self.names.values()]
        more = ", ..." if len(names) > 8 else ""
        return f"<Interpretation of {', '.join(names[:8])}{more}>"

    def _repr_html_(self) -> str:
        """The table, by which notebooks show it."""
        return html_table(_HEADINGS, self._rows())

    def __rich__(self) -> Table:
        """The table, by which the `rich` package shows it."""
        from rich.table import Table
        from rich.text import Text

        table = Table(*_HEADINGS)
        for cells in self._rows():
            # Text and not str: a name in brackets is not markup.
            table.add_row(*map(Text, cells))
        return table

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for node, name in self.names.items():
            value = self._values[node]
            shape = format_shape(value.shape)
            name = _short(name)
            yield name, node.op.name, shape, str(value.dtype), in_a_line(value)

    def _has_row(self, node: Node) -> bool:
        origin = node.origin
        if any(node is output for output in self._outputs):
            return not isinstance(node.type, TupleType)
        if isinstance(node.type, TupleType):
            return False
        if node.op.role in _CONSTANT and node.name is None and not node.shape:
            return False
        if origin.derivative is not None:
            return origin.gradient_of is not None
        return origin.block is None

    def _named(self, name: str) -> list[Node]:
        """The nodes of a name, those of the table first of all."""
        found = [node for node, called in self.names.items() if called == name]
        if found:
            return found
        called = [n for n in self._values if name in (n.name, n.label)]
        return [n for n in called if self._has_row(n)] or called

    def _node(self, key: Node | str) -> Node:
        if isinstance(key, str):
            found = self._named(key)
            if len(found) == 1:
                return found[0]
            if found:
                raise UnknownNameError(
                    f"{len(found)} nodes of the run are called {key!r}",
                    hint="run[node], with the node itself",
                )
            known = [*self.names.values()]
            raise UnknownNameError(
                f"no node of the run is called {key!r}; it has {', '.join(known)}",
                hint=closest(key, known),
            )
        if not isinstance(key, Node) or key not in self._values:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UnknownNameError(
                f"the run has no value of {shown(key)}",
                hint="gc.interpret([..., node], feeds) computes it, too",
            )
        return key

    def _scalar(self, of: Node | str | None) -> Node:
        if of is not None:
            return self._node(of)
        found = [
            node
            for node in self._outputs
            if not isinstance(node.type, TupleType)
            and not node.shape
            and is_floating(node.dtype)
            and node.origin.derivative is None
        ]
        losses = [node for node in found if node.label == "loss"]
        chosen = losses if len(losses) == 1 else found
        if len(chosen) != 1:
            names = ", ".join(node.describe() for node in chosen) or "none"
            raise DifferentiationError(
                f"gradients are of one floating scalar of the run, got {names}",
                hint="run.gradient(node, of=scalar)",
            )
        return chosen[0]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
