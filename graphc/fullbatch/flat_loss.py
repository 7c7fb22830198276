"""A compiled loss as a function of one flat array, as general minimisers take it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..autodiff import grad, hvp
from ..errors import DifferentiationError, FeedError, OptionError
from ..ir.graph import Graph, declared_inputs
from ..ir.labels import label_bounds
from ..ir.node import Node
from ..ir.walk import ancestors, meaning_of, topological_order
from ..ops.source import INPUT
from ..program.plan import Style
from ..runtime.compiler import CompiledFunction, compile_nodes
from ..runtime.feeds import bind_feeds, check_array
from .line_search import Point

Array = np.ndarray[Any, Any]


class FlatLoss:
    """A loss as a function of one flat array: all its parameters, one after another.

    Args:
        loss: a floating scalar.
        feeds: arrays by input node or name.
        start: values to start from, by parameter node or name.
        seed: for parameters that start at random.
        style: of the program that runs.

    Attributes:
        start: the flat array of start values.
        resolution: the relative rounding error of its least precise parameter.
        evaluations: the number of computations of loss and gradient.
        hessian_products: the number of products with the Hessian.

    Raises:
        DifferentiationError: the loss is not a floating scalar or has no parameters.
        FeedError: feeds or start values that don't fit.
        OptionError: a loss that draws random numbers.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2, 2), [[1.0, 2.0], [3.0, 4.0]])
    >>> loss = FlatLoss(gc.sum(w * w))
    >>> loss.at(loss.start).gradient
    array([2., 4., 6., 8.])
    """

    def __init__(
        self,
        loss: Node,
        feeds: Mapping[Any, Any] | None = None,
        start: Mapping[Any, Any] | None = None,
        seed: int = 0,
        style: Style = "fast",
    ) -> None:
        self._refuse_random(loss)
        self._loss = loss
        self._style: Style = style
        self.parameters = Graph((loss,)).trainable
        if not self.parameters:
            raise DifferentiationError(
                "the loss depends on no parameter, so there is nothing to minimise",
                node=loss.describe(),
                hint="gc.parameter(...) or a layer of gc.nn",
            )
        outputs = {"loss": loss, "gradients": grad(loss, list(self.parameters))}
        self._function = compile_nodes(outputs, style=style, seed=seed)
        graph = Graph((loss,))
        bound, _ = bind_feeds(
            graph.inputs, feeds or {}, label_bounds(graph), declared_inputs((loss,))
        )
        self._feeds = {str(node.name): array for node, array in bound.items()}
        self._recent: deque[Point] = deque(maxlen=3)
        precisions = [np.finfo(node.dtype).eps for node in self.parameters]
        self.resolution = float(max(precisions))
        self.evaluations = 0
        self.hessian_products = 0
        self.start = self._flat(self._start(start or {}))

    @staticmethod
    def _refuse_random(loss: Node) -> None:
        for node in topological_order(ancestors([loss], meaning_of), meaning_of):
            if not node.op.pure:
                raise OptionError(
                    f"minimize requires a loss that is a function of its parameters; "
                    f"this one draws anew at each evaluation, in {node.op.name}",
                    at=node,
                    hint="dropout with training=False, or gc.Trainer",
                )

    def _start(self, given: Mapping[Any, Any]) -> list[Array]:
        start: dict[str, Array] = dict(self._function.parameters)
        nodes = {str(node.name): node for node in self.parameters}
        for key, value in given.items():
            name = str(key.name) if isinstance(key, Node) else key
            if name not in nodes:
                raise FeedError(
                    f"{name!r} is not a parameter of the loss; they are "
                    f"{', '.join(nodes)}"
                )
            start[name] = check_array(nodes[name], value)
        return [start[name] for name in nodes]

    @staticmethod
    def _flat(arrays: list[Array]) -> Array:
        return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])

    def arrays(self, x: Array) -> dict[str, Array]:
        """A flat array as parameters by name, in their dtypes."""
        arrays: dict[str, Array] = {}
        first = 0
        for node in self.parameters:
            size = math.prod(int(n) for n in node.shape)
            part = x[first : first + size].astype(node.dtype)
            arrays[str(node.name)] = part.reshape(tuple(int(n) for n in node.shape))
            first += size
        return arrays

    def _write(self, function: CompiledFunction, x: Array) -> None:
        for name, value in self.arrays(x).items():
            if name in function.parameters:
                function.parameters[name][...] = value

    def at(self, x: Array) -> Point:
        """Loss and gradient at a place."""
        for point in self._recent:
            if np.array_equal(point.x, x):
                return point
        self.evaluations += 1
        self._write(self._function, x)
        values = self._function(**self._feeds)
        gradient = self._flat(values["gradients"])
        point = Point(np.array(x), float(values["loss"]), gradient)
        self._recent.append(point)
        return point

    def hessian_product(self, x: Array, direction: Array) -> Array:
        """The Hessian at a place times a direction."""
        function, inputs, directions = self._products
        self.hessian_products += 1
        self._write(function, x)
        parts = zip(directions, self.arrays(direction).values(), strict=True)
        known = self._feeds | dict(parts)
        return self._flat(function(**{k: known[k] for k in inputs if k in known}))

    @cached_property
    def _products(self) -> tuple[CompiledFunction, list[str], list[str]]:
        """The function of products, the names of its inputs, and of directions."""
        taken = {*self._feeds, *(str(node.name) for node in self.parameters)}
        directions: list[Node] = []
        for node in self.parameters:
            name = f"{node.name}.direction"
            while name in taken:
                name += "_"
            fields = {"shape": node.shape, "dtype": node.dtype}
            directions.append(INPUT.build((), fields, name=name))
        products = hvp(self._loss, list(self.parameters), directions)
        inputs, names = (
            [str(node.name) for node in nodes]
            for nodes in (declared_inputs(products), directions)
        )
        return compile_nodes(products, style=self._style), inputs, names
