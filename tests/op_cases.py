"""Every case of every declared op, for generated tests to walk.

Values are drawn from the domain that the case declares, in float64, all distinct
across the inputs and away from the ends, so that no tie, kink or pole is met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import graphc as gc
from graphc.errors import GraphcError
from graphc.ir import OPS, Case, Dim, Node, Op
from graphc.ops.control import results_of

WITHOUT_CASES = {
    *("input", "parameter", "buffer", "constant", "dimension"),
    *("argument", "result", "call", "checkpoint", "custom_vjp", "custom_jvp"),
    *("scan", "cond", "while_loop"),
}
"""Ops without a meaning of their own to test: placeholders, values, and what runs a
body, which means something."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Application:
    """One case of one op."""

    op: Op
    case: Case
    number: int
    result: int | None = None
    """Of an op with several results, the one that is looked at; None for all floating
    ones, joined to one vector."""

    @property
    def id(self) -> str:
        """A name for pytest."""
        name = f"{self.op.name}-{self.number}"
        if not self.op.outputs:
            return name
        looked_at = "all" if self.result is None else self.op.outputs[self.result]
        return f"{name}-{looked_at}"

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
        """The op applied to nodes; of several results that which is looked at."""
        applied = self.node(nodes)
        if not self.op.outputs:
            return applied
        results = results_of(applied)
        if self.result is not None:
            return results[self.result]
        return gc.concatenate([gc.ravel(r) for r in results if r.dtype.kind == "f"])

    def node(self, nodes: Sequence[Node]) -> Node:
        """The op applied to nodes."""
        return self.op(*nodes, **self.case.attributes)

    def of_results(self, value: Any) -> Any:
        """What `apply` says, of the value of the op."""
        if not self.op.outputs:
            return value
        if self.result is not None:
            return np.asarray(value[self.result])
        arrays = [np.asarray(each) for each in value]
        return np.concatenate([a.ravel() for a in arrays if a.dtype.kind == "f"])

    def matrices(self, position: int) -> str | None:
        """The matrices that an input is made of, if it matters."""
        return self.case.matrices[position] if self.case.matrices else None

    def direction(self, rng: np.random.Generator, position: int, like: Array) -> Array:
        """A direction along which an input may move."""
        drawn = rng.uniform(-1, 1, like.shape)
        if self.matrices(position) in ("symmetric", "positive definite"):
            return _as_matrices(drawn, "symmetric")
        return drawn

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
        for position, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True)):
            kind, maximum = np.dtype(dtype).kind, maxima[position]
            if kind == "f":
                drawn = np.array([next(values) for _ in range(int(np.prod(shape)))])
                array = _as_matrices(drawn.reshape(shape), self.matrices(position))
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


def _as_matrices(array: Array, kind: str | None) -> Array:
    """Matrices of a kind, from any of the same shape with elements up to 2."""
    if kind is None:
        return array
    unit = np.eye(*array.shape[-2:])
    if kind == "well-conditioned":
        # No row has more beside its diagonal than on it.
        return 0.5 * array + max(unit.shape) * unit
    if kind == "positive definite":
        return array @ array.swapaxes(-1, -2) / max(len(unit), 1) + unit
    assert kind == "symmetric", kind
    return 0.5 * (array + array.swapaxes(-1, -2))


def feeds(arrays: Sequence[Array]) -> dict[str, Array]:
    """Arrays under the names that `Application.nodes` gives."""
    return {f"x{position}": array for position, array in enumerate(arrays)}


only: list[str] | None = None
"""The name of the op to walk, where it is one (`pytest --op NAME`)."""


def applications(keep: Callable[[Op], bool] = lambda op: True) -> list[Any]:
    """All cases of the ops to keep, as parameters of a test."""
    return [
        application
        for op in OPS.values()
        if keep(op) and (only is None or op.name in only)
        for number, case in enumerate(op.cases)
        for application in _results(Application(op, case, number))
    ]


def _results(application: Application) -> list[Application]:
    """Each result of an op alone, and all together if several are floating."""
    if not application.op.outputs:
        return [application]
    applied = application.node(application.nodes())
    dtypes = [result.dtype for result in results_of(applied)]
    alone = [replace(application, result=place) for place in range(len(dtypes))]
    several = sum(dtype.kind == "f" for dtype in dtypes) > 1
    return [*alone, application] if several else alone


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
