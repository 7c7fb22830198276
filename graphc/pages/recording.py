"""A training run as a page shows it: a few numbers and small pictures an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arguments import entry, public
from ..errors import OptionError
from ..ir.facts import PERSISTENT
from ..ir.node import Node
from ..ir.types import TupleType, is_floating
from ..training.callbacks import Callback
from ..viz.drawing import named_outputs
from .graph import PageGraph, page_graph
from .values import picture

_MOST_FRAMES = 48
"""Records beyond which every second one is left out."""
_MOST_NODES = 64
"""The most values that are watched besides parameters."""
_SIDE = 20
"""Pixels of a picture of a parameter in each direction."""


@dataclass(frozen=True)
class Frame:
    """A moment of a run: its record, and numbers of each value that is watched."""

    record: Mapping[str, Any]
    values: Mapping[Node, Mapping[str, Any]] = field(repr=False)


@entry
class Recording(Callback):
    """A recording of a run for `gc.page`: weights, activations and gradients.

    After every evaluation the values of a batch that stays the same are computed, with
    the parameters of the moment and in evaluation mode, and of each value and of its
    gradient mean, spread and norm are kept; of parameters a small picture, too. A long
    run keeps every second record, then every fourth, and so on.

    Args:
        batch: arrays by input name, a few rows.

    Raises:
        OptionError: there are none.

    >>> import graphc as gc
    >>> x, w = gc.input("x", ("n",)), gc.parameter("w", (), 1.0)
    >>> trainer = gc.Trainer(gc.mean((w * x - 2 * x) ** 2), gc.optim.SGD(lr=0.25))
    >>> recording = gc.Recording({"x": [1.0, 2.0]})
    >>> data = {"x": [1.0, 2.0]}
    >>> _ = trainer.fit(data, epochs=3, callbacks=[recording], verbose=False)
    >>> len(recording)
    4
    """

    def __init__(self, batch: Mapping[str, Any]) -> None:
        if not batch:
            raise OptionError(
                "a recording takes the batch that it computes values for",
                hint="gc.Recording({'x': images[:8], 'y': labels[:8]})",
            )
        self.batch = {name: np.asarray(value) for name, value in batch.items()}
        """The arrays that values are computed for."""
        self.frames: list[Frame] = []
        """The moments that were kept, from before the first step on."""
        self._stride = 1
        self._count = 0

    def __len__(self) -> int:
        return len(self.frames)

    def start(self, trainer: Any) -> None:
        """See `Callback.start`."""
        self.frames, self._stride, self._count = [], 1, 0
        graph = page_graph(named_outputs(trainer), trainer.trained)
        self._watched = _watched(graph)
        self._trainer = trainer
        wanted = [node for pair in self._watched.values() for node in pair]
        self._function = trainer.compile(wanted, style="readable")
        self._add({})

    def record(self, record: Mapping[str, Any]) -> None:
        """See `Callback.record`."""
        self._count += 1
        if self._count % self._stride == 0:
            self._add(record)
        if len(self.frames) > _MOST_FRAMES:
            self.frames = self.frames[::2]
            self._stride *= 2

    def _add(self, record: Mapping[str, Any]) -> None:
        arrays = iter(self._function(**self.batch))
        values = {
            node: _numbers(node, [next(arrays) for _ in pair])
            for node, pair in self._watched.items()
        }
        self.frames.append(Frame(dict(record), values))

    def data(self, graph: PageGraph) -> Mapping[str, Any]:
        """The recording as JSON has it."""
        records = [
            {k: _short(v) for k, v in frame.record.items() if k != "seconds"}
            for frame in self.frames
        ]
        nodes = [*self.frames[0].values] if self.frames else []
        return {
            "records": records,
            "values": {
                graph.find(node): [frame.values[node] for frame in self.frames]
                for node in nodes
            },
        }


def _watched(graph: PageGraph) -> Mapping[Node, tuple[Node, ...]]:
    """Parameters and named values, each with its gradient if it has one."""
    found: dict[Node, tuple[Node, ...]] = {}
    for shape in graph.shapes:
        node = shape.node
        is_value = shape.parent is None and not shape.is_backward
        if not is_value or shape.refers is not None or isinstance(node.type, TupleType):
            continue
        pairs = graph.gradients.get(shape.number, [])
        is_kept = node.op.role in PERSISTENT or (node.inputs and pairs)
        if is_kept and is_floating(node.dtype) and len(found) < _MOST_NODES:
            found[node] = (node, *(gradient for _, gradient in pairs[:1]))
    return found


def _numbers(node: Node, arrays: list[np.ndarray[Any, Any]]) -> Mapping[str, Any]:
    value, *gradients = (array.astype(np.float64) for array in arrays)
    with np.errstate(all="ignore"):
        found: dict[str, Any] = {
            "mean": _short(float(value.mean())),
            "spread": _short(float(value.std())),
            "zeros": _short(float((value == 0.0).mean())),
            "norm": _short(float(np.sqrt(np.square(value).sum()))),
        }
        for gradient in gradients:
            found["gradient"] = _short(float(np.sqrt(np.square(gradient).sum())))
    if node.op.role in PERSISTENT and value.size > 1:
        found["picture"] = picture(value, _SIDE)
    return found


def _short(value: Any) -> Any:
    """A number in four digits; what JSON has no number for as a word."""
    if isinstance(value, bool) or not isinstance(value, float):
        return value if isinstance(value, bool | int | str) else str(value)
    return float(f"{value:.4g}") if np.isfinite(value) else str(value)


public(globals(), ["Recording"])
