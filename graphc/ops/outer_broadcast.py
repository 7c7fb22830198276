"""Broadcasting that pairs every row with every other, which hardly anyone means.

NumPy aligns shapes from the right, so that `(batch, 1) - (batch,)` is `(batch, batch)`:
all differences, and not those of each row. Named sizes tell it when it is declared: an
array that has fewer axes brings a size to an axis where the other has 1, which has that
very size already on an axis that the first one lacks. Who means it writes the 1 there
and then: `x[:, None] - y`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BroadcastWarning
from ..ir.dims import Dim, Dimension, format_shape
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.origin import is_declared_by_user
from ..locations import warn_at_user


def warn_of_outer_broadcast(arrays: Sequence[Node], core: int = 0) -> None:
    """Warn at the user's line where arrays that are about to be broadcast pair rows.

    Args:
        arrays: the operands.
        core: how many of their last axes are not broadcast.
    """
    if len({array.ndim for array in arrays}) == 1 or not is_declared_by_user():
        return
    found = outer_broadcast_of(arrays, core)
    if found is not None:
        message, hint = found
        warn_at_user(f"{message}\n  try:  {hint}", BroadcastWarning)


def outer_broadcast_of(arrays: Sequence[Node], core: int = 0) -> tuple[str, str] | None:
    """A message about arrays that pair rows and a hint; None where they do not."""
    for taller in arrays:
        for other in arrays:
            axes = range(-other.ndim, -core) if other.ndim < taller.ndim else ()
            for axis in axes:
                size = other.shape[axis]
                if (
                    isinstance(size, Dim)
                    and taller.shape[axis] == 1
                    and size in taller.shape[: taller.ndim - other.ndim]
                    and not _is_written_so(taller, taller.ndim + axis)
                ):
                    return _described(taller, other, size)
    return None


def _is_written_so(node: Node, axis: int) -> bool:
    """True where the user put that axis of size 1 there, and has it at hand."""
    while True:
        name, attributes = node.op.name, node.attributes
        if name in ("reshape", "broadcast_to"):
            return True
        if name == "expand_dims":
            return axis in attributes["axis"]
        if name == "getitem":
            # Integers leave no axis, and arrays of them leave theirs.
            kept = [item for item in attributes["index"] if not isinstance(item, int)]
            return len(kept) == node.ndim and kept[axis] is None
        if name == "transpose":
            axis = attributes["axes"][axis]
        # What is computed of other arrays, as predictions are, is another matter.
        arrays = [array for array in node.inputs if array.op.role is not Role.CONSTANT]
        moves = name == "transpose" or node.op.kind == "elementwise"
        if not moves or len(arrays) != 1:
            return False
        node = arrays[0]


def _described(taller: Node, other: Node, size: Dimension) -> tuple[str, str]:
    one, two = taller.describe(), other.describe()
    message = (
        f"shapes {format_shape(taller.shape)} and {format_shape(other.shape)} pair "
        f"every one of {size} with every other, in {one} and {two}"
    )
    hint = (
        "gc.squeeze of the first or gc.expand_dims of the second, where each belongs "
        "to one; x[:, None] or gc.broadcast_to, where all pairs are meant"
    )
    return message, hint
