"""Every case of every declared op, for generated tests to walk.

Values are drawn from the domain that the case declares, in float64, all distinct
across the inputs and away from the ends, so that no tie, kink or pole is met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc as gc
from graphc.errors import GraphcError
from graphc.ir import OPS, Case, Dim, Node, Op

WITHOUT_CASES = {
    *("input", "parameter", "constant", "dimension"),
    *("argument", "call", "result"),
}
"""Ops without a meaning of their own to test: placeholders, values, and calls, whose
body means something."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Application:
    """One case of one op."""

    op: Op
    case: Case
    number: int

    @property
    def id(self) -> str:
        """A name for pytest."""
        return f"{self.op.name}-{self.number}"

    def dtypes(self, floating: str = "float64") -> tuple[str, ...]:
        """The dtype of each input, where floating ones have the dtype named."""
        given = self.case.dtypes or ("",) * len(self.case.shapes)
        return tuple(dtype or floating for dtype in given)

    def shapes(self, batch: int | None = None) -> tuple[tuple[int, ...], ...]:
        """The shapes, with another leading size where `leading` allows one."""
        if batch is None:
            return self.case.shapes
        leads = self.leading()
        return tuple(
            (batch, *shape[1:]) if lead else shape
            for lead, shape in zip(leads, self.case.shapes, strict=True)
        )

    def leading(self) -> tuple[bool, ...]:
        """Which inputs have the leading axis of the first input."""
        rank = len(self.case.shapes[0])
        size = self.case.shapes[0][0]
        return tuple(
            len(shape) == rank and shape[0] == size for shape in self.case.shapes
        )

    def nodes(
        self, floating: str = "float64", *, batch: Dim | int | None = None
    ) -> list[Node]:
        """Inputs named `x0`, `x1`, ... as the case declares them."""
        shapes: Sequence[tuple[Any, ...]] = self.case.shapes
        if batch is not None:
            shapes = [
                (batch, *shape[1:]) if lead else shape
                for lead, shape in zip(self.leading(), shapes, strict=True)
            ]
        return [
            gc.input(f"x{position}", shape, dtype)
            for position, (shape, dtype) in enumerate(
                zip(shapes, self.dtypes(floating), strict=True)
            )
        ]

    def apply(self, nodes: Sequence[Node]) -> Node:
        """The op applied to nodes."""
        return self.op(*nodes, **self.case.attributes)

    def draw(
        self, floating: str = "float64", *, seed: int = 0, batch: int | None = None
    ) -> list[Array]:
        """An array for each input."""
        rng = np.random.default_rng(seed)
        shapes = self.shapes(batch)
        dtypes = self.dtypes(floating)
        total = sum(
            int(np.prod(shape))
            for shape, dtype in zip(shapes, dtypes, strict=True)
            if np.dtype(dtype).kind == "f"
        )
        grid = (rng.permutation(total) + rng.uniform(0.3, 0.7, total)) / max(total, 1)
        values = iter(self.case.low + (self.case.high - self.case.low) * grid)
        maxima = self.case.maximum or (None,) * len(shapes)
        arrays: list[Array] = []
        for shape, dtype, maximum in zip(shapes, dtypes, maxima, strict=True):
            kind = np.dtype(dtype).kind
            if kind == "f":
                drawn = np.array([next(values) for _ in range(int(np.prod(shape)))])
                array = drawn.reshape(shape)
            elif kind == "b":
                array = rng.random(shape) < 0.5
            elif maximum is not None:
                if batch is not None and maximum == self.case.shapes[0][0]:
                    maximum = min(maximum, batch)
                array = rng.integers(0, maximum, shape)
            else:
                array = rng.integers(1, 6, shape)
            arrays.append(array.astype(dtype))
        return arrays


def feeds(arrays: Sequence[Array]) -> dict[str, Array]:
    """Arrays under the names that `Application.nodes` gives."""
    return {f"x{position}": array for position, array in enumerate(arrays)}


def applications(keep: Callable[[Op], bool] = lambda op: True) -> list[Any]:
    """All cases of the ops to keep, as parameters of a test."""
    return [
        Application(op, case, number)
        for op in OPS.values()
        if keep(op)
        for number, case in enumerate(op.cases)
    ]


def floating_positions(application: Application) -> list[int]:
    """The inputs that derivatives may be taken by."""
    return [
        position
        for position, dtype in enumerate(application.dtypes())
        if np.dtype(dtype).kind == "f"
    ]


def is_differentiable(application: Application) -> bool:
    """Whether a derivative flows from the output to an input."""
    op = application.op
    if op.vjp is None and not op.is_block:
        return False
    output = application.apply(application.nodes())
    return output.dtype.kind == "f" and bool(floating_positions(application))


def accepts_named_size(application: Application) -> bool:
    """Whether the leading axis may be a named size."""
    if not application.case.shapes or not application.case.shapes[0]:
        return False
    try:
        for batch in (Dim("batch"), 1, 3):
            application.apply(application.nodes(batch=batch))
    except GraphcError:
        return False
    return True
