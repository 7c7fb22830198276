"""How much memory a program's arrays take, known before it runs.

In fast style everything is allocated once; what is counted here is exactly what NumPy
is asked for, alignment included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..ir.dims import Dim, Dimension, Shape, evaluate_shape
from ..ir.types import TensorType

__all__ = ["CACHE_LINE", "Footprint", "TileScratch", "flat_bytes"]

CACHE_LINE = 64
"""Bytes that an aligned array takes beyond its own."""


@dataclass(frozen=True)
class TileScratch:
    """Arrays of one tile each, in which a thread computes a chain."""

    shape: Shape
    """Of the whole arrays."""
    itemsizes: tuple[int, ...]
    tile: int
    """How many numbers a tile has."""

    def at(self, sizes: Mapping[str, int]) -> int:
        """Bytes for each thread."""
        shape = evaluate_shape(self.shape, sizes)
        row = math.prod(shape[1:])
        rows = min(shape[0], max(1, self.tile * shape[0] // max(1, shape[0] * row)))
        return sum(rows * row * size + CACHE_LINE for size in self.itemsizes)


@dataclass(frozen=True)
class Footprint:
    """The bytes of all arrays that stay allocated while a program runs."""

    workspace: Dimension = 0
    """For given sizes of the named dimensions."""
    tiles: tuple[TileScratch, ...] = ()
    parameters: int = 0
    gradients: int = 0
    state: int = 0
    update: int = 0
    """What the optimizer's update works in."""
    sizes: tuple[str, ...] = field(default=())
    """The named dimensions that it depends on."""

    @property
    def fixed(self) -> int:
        """What no size of an input changes."""
        return self.parameters + self.gradients + self.state + self.update

    def at(self, threads: int = 1, **sizes: int) -> int:
        """The bytes for given sizes of the named dimensions.

        Args:
            threads: how many share the tiles of large arrays.
            sizes: of all named dimensions.
        """
        workspace = self.workspace
        if isinstance(workspace, Dim):
            workspace = workspace.evaluate(sizes)
        tiles = sum(scratch.at(sizes) for scratch in self.tiles)
        return self.fixed + workspace + threads * tiles

    def total(self, sizes: Mapping[str, int]) -> str:
        """The bytes in all as text: a number, if all sizes are known."""
        if all(size in sizes for size in self.sizes):
            return f"{self.at(**{size: sizes[size] for size in self.sizes}):,}"
        return dict(self.rows()).get("in all", bytes_text(self.workspace + self.fixed))

    def rows(self) -> list[tuple[str, str]]:
        """What is allocated, and how many bytes of it."""
        parts: dict[str, Dimension] = {
            "parameters": self.parameters,
            "gradients": self.gradients,
            "optimizer state": self.state,
            "update": self.update,
            "workspace": self.workspace,
        }
        rows = [(what, bytes_text(size)) for what, size in parts.items() if size != 0]
        if len(rows) > 1:
            rows.append(("in all", bytes_text(self.workspace + self.fixed)))
        if self.tiles:
            largest = (scratch.tile * sum(scratch.itemsizes) for scratch in self.tiles)
            rows.append(("each thread's tiles", f"at most {sum(largest):,}"))
        return rows

    def __str__(self) -> str:
        """A table, as the head of an emitted program has it.

        >>> print(Footprint(parameters=128, gradients=128, workspace=1640))
            parameters  128
            gradients   128
            workspace   1,640
            in all      1,896
        """
        rows = self.rows()
        width = max((len(what) for what, _ in rows), default=0)
        return "\n".join(f"    {what:{width}}  {size}" for what, size in rows)


def flat_bytes(types: Iterable[TensorType]) -> int:
    """The bytes of arrays that stand side by side, those of a dtype in one."""
    sizes: dict[str, int] = {}
    for kind in types:
        dtype = str(kind.dtype)
        size = int(kind.size) * kind.dtype.itemsize
        sizes[dtype] = sizes.get(dtype, CACHE_LINE) + size
    return sum(sizes.values())


def bytes_text(size: Dimension) -> str:
    """A number of bytes, with its digits in groups if it is known."""
    return f"{size:,}" if isinstance(size, int) else str(size)
