"""The graph that an estimator trains: a model, the loss of its rows, and a penalty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from inspect import isclass, isfunction
from typing import Any, cast

from .. import nn
from ..arguments import closest, shown
from ..errors import OptionError, ShapeError
from ..harness.ranks import launched
from ..ir.dims import format_shape
from ..ir.graph import Graph
from ..ir.node import Node
from ..ops.arithmetic import add
from ..ops.reduction import mean, sum
from ..ops.source import input
from ..optim.adam import Adam
from ..optim.base import Optimizer
from ..optim.sgd import SGD
from ..program.plan import RunStyle
from ..training.trainer import Trainer

Function = Callable[..., Any]

LBFGS = "lbfgs"


def name_of(function: Any) -> str:
    """The name of a function of `gc.nn`."""
    return function.__name__


CLASSIFICATION: dict[str, Function] = {
    name_of(loss): loss for loss in (nn.cross_entropy, nn.multi_margin_loss)
}
REGRESSION: dict[str, Function] = {
    name_of(loss): loss
    for loss in (nn.mse_loss, nn.l1_loss, nn.huber_loss, nn.smooth_l1_loss)
}
"""Losses that are known by name, the usual one first."""

ACTIVATION = name_of(nn.relu)
"""The usual one."""

_OPTIMIZERS: dict[str, Callable[[float], Optimizer]] = {
    "adam": Adam,
    "sgd": partial(SGD, momentum=0.9, nesterov=True),
}
"""Those of scikit-learn's networks, with the options that they have there."""


@dataclass(frozen=True)
class Network:
    """All that decides the graph of an estimator.

    Args:
        hidden: the sizes of hidden layers.
        activation: after each of them: a function of a node, or the name of one.
        model: a layer, or a function of the rows and the number of outputs, in place of
            hidden layers.
        loss: a function of prediction and target, or the name of one; None: the usual.
        alpha: the strength of the L2 penalty.
        features: columns of the rows.
        outputs: numbers that the model computes for a row.
        classes: True where rows have one of `outputs` classes.
        flat: True for regression on targets of one axis.
        weighted: True where rows have weights.
        dtype: that is computed in.
    """

    hidden: Sequence[int]
    activation: Any
    model: Any
    loss: Any
    alpha: float
    features: int
    outputs: int
    classes: bool
    flat: bool
    weighted: bool
    dtype: str

    @property
    def is_counted(self) -> bool:
        """True where the strength of the penalty is an input, of each batch another.

        A rank has some rows of a batch, and the penalty is that of the batch.
        """
        return bool(self.alpha) and launched()[0] > 1

    def trainer(self, optimizer: Optimizer, seed: int, style: RunStyle) -> Trainer:
        """A trainer, which predicts `output` and for classes `probabilities`, too."""
        x = input("x", ("batch", self.features), self.dtype)
        output = self._output(x)
        kind = "int64" if self.classes else self.dtype
        shape = ("batch",) if self.classes or self.flat else ("batch", self.outputs)
        target = input("y", shape, kind)
        prediction = output[:, 0] if self.flat else output
        outputs = {"output": prediction}
        if self.classes:
            outputs["probabilities"] = nn.softmax(output, dim=1)
        loss = self._mean(self._losses(prediction, target), x)
        return Trainer(loss, optimizer, outputs=outputs, seed=seed, style=style)

    def _output(self, x: Node) -> Node:
        if self.model is None:
            return self._layers(x)
        _require_instance("model", self.model)
        own_layer = isinstance(self.model, nn.Layer)
        output = self.model(x) if own_layer else self.model(x, self.outputs)
        if not isinstance(output, Node) or output.shape != (x.shape[0], self.outputs):
            shape = getattr(output, "shape", None)
            given = shown(output) if shape is None else format_shape(shape)
            raise ShapeError(
                f"model must give a node of shape (batch, {self.outputs}), one number "
                f"{'a class' if self.classes else 'an output'} for each row, got "
                f"{given}"
            )
        return output

    def _layers(self, x: Node) -> Node:
        activation = _activation(self.activation)
        hidden, size = x, self.features
        for number, each in enumerate(self.hidden, 1):
            layer = nn.Linear(size, each, name=f"hidden_{number}", dtype=self.dtype)
            hidden, size = activation(layer(hidden)), each
            if not isinstance(hidden, Node) or hidden.shape != (x.shape[0], size):
                raise ShapeError(
                    "activation must give a node of the shape that it takes, got "
                    f"{shown(hidden)}"
                )
        return nn.Linear(size, self.outputs, name="output", dtype=self.dtype)(hidden)

    def _losses(self, prediction: Node, target: Node) -> Node:
        """The loss of each row, or the mean of all."""
        named = CLASSIFICATION if self.classes else REGRESSION
        loss = next(iter(named)) if self.loss is None else self.loss
        _require_instance("loss", loss)
        if callable(loss):
            losses: object = loss(prediction, target)
        elif loss in named:
            losses = named[loss](prediction, target, reduction="none")
        else:
            known = ", ".join(named)
            raise OptionError(
                f"loss must be a function of prediction and target, or one of {known}, "
                f"got {shown(loss)}",
                hint=closest(loss, named),
            )
        rows = prediction.shape[0]
        if not isinstance(losses, Node) or losses.shape[:1] not in ((), (rows,)):
            raise ShapeError(
                "loss must give a node with the loss of each row, or with their mean, "
                f"got {shown(losses)}",
                hint="gc.nn.huber_loss(prediction, target, reduction='none')",
            )
        return losses

    def _mean(self, losses: Node, x: Node) -> Node:
        """The mean over rows, which have weights or count alike, and the penalty."""
        if losses.ndim > 1:
            losses = mean(losses, axis=tuple(range(1, losses.ndim)))
        if self.weighted and losses.ndim == 0:
            raise OptionError(
                "sample_weight needs a loss that gives the loss of each row",
                hint="a loss without the mean over rows",
            )
        weight = input("weight", ("batch",), self.dtype) if self.weighted else None
        total: Any = x.shape[0] if weight is None else sum(weight)
        penalty = self._penalty(losses, total)
        if weight is not None:
            # In every row, so that the whole is one mean of known weights.
            losses = losses if penalty is None else losses + penalty
            return (sum(weight * losses) / total).named("loss")
        loss = mean(losses) if losses.ndim else losses
        return (loss if penalty is None else loss + penalty).named("loss")

    def _penalty(self, losses: Node, total: Any) -> Node | None:
        """The penalty in a batch of so many rows; None for none."""
        parameters = Graph((losses,)).trainable if self.alpha else ()
        squares = [sum(p * p) for p in parameters if p.ndim > 1]
        if not squares:
            return None
        if self.is_counted:
            return input("strength", (), self.dtype) * reduce(add, squares)
        return 0.5 * self.alpha * reduce(add, squares) / total


def _require_instance(name: str, given: Any) -> None:
    """Raise `OptionError` at the class of a layer in place of a layer."""
    if isclass(given):
        raise OptionError(
            f"{name} must be a layer or a function, got the class {given.__name__}",
            hint=f"{given.__name__}(...)",
        )


def _activation(given: Any) -> Function:
    _require_instance("activation", given)
    if callable(given):
        return cast("Function", given)
    if given == "identity":
        return _identity
    name = "sigmoid" if given == "logistic" else given
    found = getattr(nn, name) if name in nn.__all__ else None
    if not isfunction(found):
        raise OptionError(
            "activation must be a function of a node, or the name of one of gc.nn, got "
            f"{shown(given)}",
            hint=closest(given, nn.__all__),
        )
    return found


def _identity(x: Node) -> Node:
    return x


def optimizer_of(given: Any, step_size: float | None) -> Optimizer:
    """The optimizer itself, or the one of a name.

    Raises:
        OptionError: neither, or a step size for one that has its own.
    """
    if isinstance(given, Optimizer):
        if step_size is not None:
            raise OptionError(
                "learning_rate_init is for optimizers that are named; "
                f"{type(given).__name__} has a step size of its own"
            )
        return given
    if given == LBFGS:
        if step_size is not None:
            raise OptionError("lbfgs has no step size, so learning_rate_init is None")
        return SGD(0.0)
    if given not in _OPTIMIZERS:
        raise OptionError(
            'optimizer must be "adam", "sgd", "lbfgs" or one of gc.optim, got '
            f"{shown(given)}",
            hint="gc.optim.Adam(0.001)",
        )
    return _OPTIMIZERS[given](0.001 if step_size is None else float(step_size))
