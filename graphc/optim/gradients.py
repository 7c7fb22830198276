"""Transformations of gradients before an optimizer uses them: clipping and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from ..arguments import Within
from ..ir.node import Node
from ..ir.origin import derived
from ..ops.arithmetic import absolute, maximum, minimum, sqrt, square, where
from ..ops.clipping import clip
from ..ops.extrema import max
from ..ops.random import standard_normal
from ..ops.reduction import sum
from ..ops.source import astype
from .base import Clock
from .formulas import in_dtype_of, norm, wide
from .options import NonNegative, Positive
from .transformation import Transformation


@dataclass(frozen=True)
class ClipByValue(Transformation):
    """Every element of a gradient limited to `[-clip_value, clip_value]`.

    Args:
        inner: the optimizer that gets the clipped gradient.
        clip_value: the largest absolute value; NaN stays NaN.

    >>> import graphc as gc
    >>> from graphc.optim import SGD, Clock
    >>> w = gc.parameter("w", (2,), [0.0, 0.0])
    >>> gradient = gc.constant([0.5, -3.0], "float32")
    >>> rule = ClipByValue(SGD(1.0), clip_value=1.0)
    >>> gc.evaluate(rule.apply([w], [gradient], {}, Clock.constant(step=1))[0][0], {})
    array([-0.5,  1. ], dtype=float32)
    """

    clip_value: Positive

    def gradient(self, parameter: Node, gradient: Node, clock: Clock) -> Node:
        """See `Transformation.gradient`."""
        clipped = clip(gradient, -self.clip_value, self.clip_value)
        return clipped.named("clipped_gradient")


Dialect = Literal["torch", "optax"]


def _shrunk(gradient: Node, length: Node, max_norm: float, dialect: Dialect) -> Node:
    """The gradient, scaled to `max_norm` where its length is more than that."""
    if dialect == "torch":
        factor = minimum(max_norm / (length + 1e-6), 1.0)
    else:
        is_short = length < max_norm
        factor = where(is_short, 1.0, max_norm / where(is_short, 1.0, length))
    factor = in_dtype_of(gradient, factor.named("clip_factor"))
    return (factor * gradient).named("clipped_gradient")


@dataclass(frozen=True)
class ClipByNorm(Transformation):
    """The gradient of each parameter scaled down to a norm of at most `max_norm`.

    `g * min(1, max_norm / (|g| + 1e-6))`

    Args:
        inner: the optimizer that gets the clipped gradients.
        max_norm: the largest Euclidean norm.
        dialect: `"optax"` has no `1e-6`, so that the norm is `max_norm` exactly.

    >>> import graphc as gc
    >>> from graphc.optim import SGD, Clock
    >>> w = gc.parameter("w", (2,), [0.0, 0.0], "float64")
    >>> rule = ClipByNorm(SGD(1.0), max_norm=1.0, dialect="optax")
    >>> new, _ = rule.apply([w], [gc.constant([3.0, 4.0])], {}, Clock.constant(step=1))
    >>> gc.evaluate(new[0], {})
    array([-0.6, -0.8])

    Source: Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent
    neural networks", algorithm 1.
    """

    max_norm: Positive
    dialect: Dialect = "torch"

    def gradient(self, parameter: Node, gradient: Node, clock: Clock) -> Node:
        """See `Transformation.gradient`."""
        length = norm(gradient).named("gradient_norm")
        return _shrunk(gradient, length, self.max_norm, self.dialect)


@dataclass(frozen=True)
class ClipByGlobalNorm(Transformation):
    """All gradients scaled down together to a norm of at most `max_norm`.

    `g * min(1, max_norm / (norm of all gradients + 1e-6))`, as torch's
    `clip_grad_norm_`. A NaN or an infinity in one gradient makes all of them NaN.

    Args:
        inner: the optimizer that gets the clipped gradients.
        max_norm: the largest norm.
        norm_type: 2 for the Euclidean norm, 1 for the sum of absolute values,
            `math.inf` for the largest one, or any other p-norm.
        dialect: `"optax"` has no `1e-6`, so that the norm is `max_norm` exactly.

    >>> import graphc as gc
    >>> from graphc.optim import SGD, Clock
    >>> a, b = (gc.parameter(name, (), 0.0, "float64") for name in "ab")
    >>> rule = ClipByGlobalNorm(SGD(1.0), max_norm=1.0, dialect="optax")
    >>> gradients = [gc.constant(3.0), gc.constant(4.0)]
    >>> gc.evaluate(rule.apply([a, b], gradients, {}, Clock.constant(step=1))[0], {})
    [array(-0.6), array(-0.8)]

    Source: Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent
    neural networks", algorithm 1.
    """

    max_norm: Positive
    norm_type: Annotated[float, Within(above=0.0, finite=False)] = 2.0
    dialect: Dialect = "torch"

    def gradients(
        self, parameters: Sequence[Node], gradients: Sequence[Node], clock: Clock
    ) -> list[Node]:
        """See `Transformation.gradients`."""
        if not parameters:
            return []
        with derived(parameters[0], type(self).__name__):
            length = self._norm(gradients).named("gradient_norm")
            return [
                _shrunk(gradient, length, self.max_norm, self.dialect)
                for gradient in gradients
            ]

    def _norm(self, gradients: Sequence[Node]) -> Node:
        """The norm of all gradients, summed in float64 over the parameters."""
        parts = [
            astype(self._part(wide(gradient)), "float64") for gradient in gradients
        ]
        total = parts[0]
        for part in parts[1:]:
            is_largest = self.norm_type == math.inf
            total = maximum(total, part) if is_largest else total + part
            total = total.named("total")
        if self.norm_type in (1.0, math.inf):
            return total
        return sqrt(total) if self.norm_type == 2.0 else total ** (1 / self.norm_type)

    def _part(self, gradient: Node) -> Node:
        if self.norm_type == 2.0:
            return sum(square(gradient))
        if self.norm_type == math.inf:
            return max(absolute(gradient))
        return sum(absolute(gradient) ** self.norm_type)


@dataclass(frozen=True)
class GradientNoise(Transformation):
    """Gaussian noise added to every gradient, less and less of it.

    `g + sqrt(eta / t**gamma) * N(0, 1)`

    Args:
        inner: the optimizer that gets the noisy gradients.
        eta: variance of the noise in the first update.
        gamma: how fast it falls.

    >>> import graphc as gc
    >>> from graphc.optim import SGD, Clock
    >>> w = gc.parameter("w", (2,), [0.0, 0.0])
    >>> rule = GradientNoise(SGD(0.1), eta=0.01)
    >>> rule.apply([w], [gc.zeros_like(w)], {}, Clock.constant(step=1))[0]
    [<subtract 'new_parameter' float32 (2,)>]

    Source: Neelakantan et al. 2015, "Adding gradient noise improves learning for very
    deep networks", equation 1.
    """

    eta: NonNegative = 0.01
    gamma: NonNegative = 0.55

    def gradient(self, parameter: Node, gradient: Node, clock: Clock) -> Node:
        """See `Transformation.gradient`."""
        deviation = sqrt(self.eta / clock.step**self.gamma).named("noise_deviation")
        noise = standard_normal(gradient.shape, gradient.dtype).named("gradient_noise")
        noisy = gradient + in_dtype_of(gradient, deviation) * noise
        return noisy.named("noisy_gradient")
