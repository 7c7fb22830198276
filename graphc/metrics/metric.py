"""A metric that is not a mean over rows: totals, and a formula over their sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import OptionError
from ..ir.dims import check_identifier
from ..ir.node import Node
from ..locations import user_location


@dataclass(frozen=True)
class Metric:
    """A formula over totals of a data set.

    Args:
        totals: nodes of fixed shape by name, which are summed over batches.
        result: the formula; it takes the sums by their names, as float64 nodes, and
            gives a scalar node.
        mode: `"max"` where a larger result is better, `"min"` where a smaller one is;
            None where that is not said. So `best="f1"` is enough in `Trainer.fit`.

    >>> import graphc as gc
    >>> errors = gc.input("errors", ("batch",))
    >>> metric = Metric(
    ...     {"squares": gc.sum(errors * errors), "count": gc.sum(errors * 0 + 1)},
    ...     lambda squares, count: gc.sqrt(squares / count),
    ...     mode="min",
    ... )
    """

    totals: Mapping[str, Node]
    result: Callable[..., Any]
    mode: Literal["max", "min"] | None = None
    location: str = field(
        default_factory=lambda: str(user_location()), repr=False, init=False
    )
    """The user's line, for errors."""

    def __post_init__(self) -> None:
        given: Any = self.mode
        if not isinstance(given, str | None) or given not in _MODES:
            raise OptionError(f"mode must be 'max', 'min' or None, got {self.mode!r}")
        if not isinstance(self.totals, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise OptionError(f"totals must be a dict of nodes, got {self.totals!r}")
        for name, node in self.totals.items():
            check_identifier(name, "name of a total")
            if not isinstance(node, Node):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise OptionError(
                    f"total {name!r} must be a node, got {node!r}",
                )


_MODES = ("max", "min", None)
