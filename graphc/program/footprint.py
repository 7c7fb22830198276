"""The memory that a program's arrays take, known before it runs.

In fast style everything is allocated once; what is counted here is exactly what NumPy
is asked for, alignment included.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ..arguments import Count, entry
from ..errors import OptionError
from ..ir.dims import Dim, Dimension, Shape, evaluate_shape, product
from ..ir.types import TensorType

CACHE_LINE = 64
"""Bytes that an aligned array takes beyond its own."""
KEPT = 2**26
"""Bytes up to which workspaces of several sizes are kept."""


@dataclass(frozen=True)
class TileScratch:
    """Arrays of one tile each, in which a thread computes a chain."""

    shape: Shape
    """Of the whole arrays."""
    dtypes: tuple[str, ...]
    tile: int
    """Numbers in a tile."""

    def per_thread(
        self, sizes: Mapping[str, int], threads: int
    ) -> Iterator[tuple[int, tuple[int, ...], tuple[str, ...]]]:
        """Requests of the program: thread, shape of a tile, dtypes.

        Chains for which that is the same share arrays.
        """
        whole, *row = evaluate_shape(self.shape, sizes)
        fit = max(1, self.tile * whole // max(1, whole * math.prod(row)))
        tiles = -(-whole // fit)
        for thread in range(max(1, min(threads, tiles // 2))):
            yield thread, (min(whole, fit), *row), self.dtypes

    @property
    def most(self) -> Dimension:
        """The bytes for each thread that no size exceeds."""
        row = product(self.shape[1:])
        count = max(self.tile, row) if isinstance(row, int) else row + self.tile
        sizes = (np.dtype(dtype).itemsize for dtype in self.dtypes)
        return count * sum(sizes) + CACHE_LINE * len(self.dtypes)


@dataclass(frozen=True)
class OneRowFootprint:
    """The workspace of a function that is called instead where a dimension is 1."""

    dimension: str
    workspace: Dimension
    tiles: tuple[TileScratch, ...]

    def together(self, other: OneRowFootprint) -> OneRowFootprint:
        """This one and that of another function."""
        tiles = tuple(dict.fromkeys((*self.tiles, *other.tiles)))
        return replace(self, workspace=self.workspace + other.workspace, tiles=tiles)


@partial(entry, label="gc.Footprint")
@dataclass(frozen=True)
class Footprint:
    """The bytes of all arrays that stay allocated while a program runs.

    That is for batches of one size. Workspaces of sizes that came before are kept until
    all are more than 64 MiB, and more than twice that of the newest size.
    """

    workspace: Dimension = 0
    """For given sizes of the named dimensions."""
    tiles: tuple[TileScratch, ...] = ()
    parameters: int = 0
    gradients: int = 0
    state: int = 0
    update: int = 0
    """Of arrays that the optimizer's update works in."""
    sizes: tuple[str, ...] = field(default=())
    """The named dimensions that it depends on."""
    one_row: OneRowFootprint | None = None
    """Of the function for batches of one row."""
    others: tuple[str, ...] = ()
    """Named dimensions of the program that it does not depend on."""

    def of_program(self, names: Iterable[str]) -> Footprint:
        """This footprint, of a program that has dimensions of these names."""
        return replace(self, others=tuple(sorted(set(names) - set(self.sizes))))

    def together(self, other: Footprint) -> Footprint:
        """This footprint and that of another function, which runs in turn with it."""
        rows = [each.one_row for each in (self, other) if each.one_row is not None]
        if len(rows) == 1:  # The other one runs as usual, its batch of one row.
            own = self if self.one_row is None else other
            rows.append(replace(rows[0], workspace=own.workspace, tiles=own.tiles))
        return replace(
            self,
            workspace=self.workspace + other.workspace,
            tiles=tuple(dict.fromkeys((*self.tiles, *other.tiles))),
            gradients=self.gradients + other.gradients,
            sizes=tuple(sorted({*self.sizes, *other.sizes})),
            one_row=functools.reduce(OneRowFootprint.together, rows) if rows else None,
        )

    @property
    def known(self) -> tuple[str, ...]:
        """All named dimensions of the program."""
        return tuple(sorted((*self.sizes, *self.others)))

    @property
    def fixed(self) -> int:
        """The bytes that no size of an input changes."""
        return self.parameters + self.gradients + self.state + self.update

    def at(self, threads: Count = 1, **sizes: int) -> int:
        """The bytes for given sizes of the named dimensions.

        Args:
            threads: how many share the tiles of large arrays.
            sizes: of all named dimensions that it depends on, and others if you like.

        Raises:
            OptionError: a size is missing, or the program does not have it.

        >>> import graphc as gc
        >>> gc.compile(gc.sum(gc.input("x", ("n",)) ** 3)).footprint.at(n=1000)
        4064
        """
        wrong = [k for k, v in sizes.items() if not _is_size(v) or k not in self.known]
        if wrong or not set(self.sizes) <= set(sizes):
            given = ", ".join(f"{key}={value!r}" for key, value in sizes.items())
            raise OptionError(
                "requires an integer of at least 0 for each size of the program "
                f"({', '.join(self.known) or 'it has none'}), got {given or 'none'}",
                node="gc.Footprint.at",
            )
        used: Footprint | OneRowFootprint = self
        if self.one_row is not None and sizes[self.one_row.dimension] == 1:
            used = self.one_row
        (workspace,) = evaluate_shape((used.workspace,), sizes)
        asked = {kind for s in used.tiles for kind in s.per_thread(sizes, threads)}
        tiles = (
            math.prod(shape) * np.dtype(dtype).itemsize + CACHE_LINE
            for _, shape, dtypes in asked
            for dtype in dtypes
        )
        return self.fixed + workspace + sum(tiles)

    def total(self, sizes: Mapping[str, int]) -> str:
        """The bytes in all as text: a number, if all sizes are known."""
        if all(size in sizes for size in self.sizes):
            return f"{self.at(**{size: sizes[size] for size in self.sizes}):,}"
        whole = bytes_text(self.workspace + self.fixed)
        tiles = dict(self.rows()).get("each thread's tiles")
        return whole if tiles is None else f"{whole}, and for each thread {tiles}"

    def rows(self) -> list[tuple[str, str]]:
        """Kinds of arrays, and the bytes of each."""
        parts: dict[str, Dimension] = {
            "parameters": self.parameters,
            "gradients": self.gradients,
            "optimizer state": self.state,
            "room to update in": self.update,
            "workspace": self.workspace,
        }
        rows = [(what, bytes_text(size)) for what, size in parts.items() if size != 0]
        if len(rows) > 1:
            rows.append(("in all", bytes_text(self.workspace + self.fixed)))
        if self.tiles:
            most: Dimension = 0
            for scratch in self.tiles:
                most = most + scratch.most
            rows.append(("each thread's tiles", f"at most {bytes_text(most)}"))
        if isinstance(self.workspace, Dim):
            rows.append(("kept for other sizes", f"at most {KEPT:,}, or as much again"))
        if self.one_row is not None:
            rows.append(("workspace of one row", bytes_text(self.one_row.workspace)))
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


def _is_size(value: Any) -> bool:
    integers: Any = int | np.integer
    return isinstance(value, integers) and not isinstance(value, bool) and value >= 0


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
