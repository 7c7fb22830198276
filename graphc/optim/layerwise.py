"""Steps scaled to the size of each whole parameter: LARS, LAMB, Adafactor and Muon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np

from ..arguments import Natural, Within
from ..errors import ShapeError
from ..ir.dims import Dim, format_shape, product
from ..ir.node import Node
from ..ops.arithmetic import maximum, minimum, sqrt, square, where
from ..ops.linalg import matmul
from ..ops.reduction import mean
from ..ops.source import constant, zeros
from .base import Clock, Rule, State, StepSize
from .formulas import complement, decayed, in_dtype_of, moments, norm, zero_slots
from .options import Decay, NonNegative, Share


@dataclass(frozen=True)
class LARS(Rule):
    """Layer-wise adaptive rate scaling: steps in proportion to the parameter's norm.

        d = gradient + weight_decay * w
        rate = trust_coefficient * |w| / (|gradient| + weight_decay * |w| + eps)
        v = momentum * v + lr * rate * d
        w = w - v

    The rate is 1 where `|w|` or the denominator is zero.

    Args:
        lr: the step size, or a schedule.
        momentum: how much of the last step is kept.
        weight_decay: strength of the L2 penalty `weight_decay / 2 * sum(w**2)`.
        trust_coefficient: the length of a step relative to that of the parameter.
        eps: added to the denominator.
        nesterov: look ahead along the momentum.
        maximize: ascend instead.
        dialect: `"optax"` divides by the norm of `d`, `|d| + eps`, instead.

    Raises:
        OptionError: an option out of range.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [3.0, 4.0], "float64")
    >>> rule = LARS(lr=1.0, trust_coefficient=0.1)
    >>> new, _ = rule.apply([w], [2 * w], rule.init_state([w]), Clock.constant(step=1))
    >>> gc.evaluate(new[0], {})
    array([2.7, 3.6])

    Source: You, Gitman and Ginsburg 2017, "Large batch training of convolutional
    networks", algorithm 1.
    """

    lr: StepSize = 1.0
    momentum: NonNegative = 0.9
    weight_decay: NonNegative = 0.0
    trust_coefficient: NonNegative = 1e-3
    eps: NonNegative = 0.0
    nesterov: bool = False
    maximize: bool = False
    dialect: Literal["paper", "optax"] = "paper"

    decays_itself = True
    decaying = ("momentum_buffer",)

    def slots(self, parameter: Node) -> State:
        """The velocity, where there is momentum."""
        return zero_slots(parameter, *["momentum_buffer"] * bool(self.momentum))

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        direction = gradient
        if self.weight_decay:
            direction = gradient + self.weight_decay * parameter
            direction = direction.named("decayed_gradient")
        length = norm(parameter).named("parameter_norm")
        if self.dialect == "optax":
            against = norm(direction)
        else:
            against = norm(gradient) + self.weight_decay * length
        against = against.named("gradient_norm")
        trusted = (self.trust_coefficient * length).named("trusted_norm")
        rate = _ratio(trusted, against, self.eps)
        step_size = in_dtype_of(parameter, self.step_size(clock))
        step = step_size * rate * direction
        if not self.momentum:
            return parameter - step, {}
        velocity = (self.momentum * state["momentum_buffer"] + step).named("velocity")
        change = self.momentum * velocity + step if self.nesterov else velocity
        return parameter - change, {"momentum_buffer": velocity}


@dataclass(frozen=True)
class LAMB(Rule):
    """Adam's direction, at the length of the parameter.

        r = m_hat / (sqrt(v_hat) + eps) + weight_decay * w
        w = w - lr * |w| / |r| * r

    with the bias-corrected moments of `Adam`. The quotient is 1 where `|w|` or `|r|`
    is zero.

    Args:
        lr: the step size, or a schedule.
        betas: decay of the running means of the gradient and of its square.
        eps: keeps the quotient finite.
        weight_decay: strength of decoupled decay.
        maximize: ascend instead.

    Raises:
        OptionError: an option out of range.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [3.0, 4.0], "float64")
    >>> rule = LAMB(lr=0.1)
    >>> new, _ = rule.apply([w], [w], rule.init_state([w]), Clock.constant(step=1))
    >>> gc.evaluate(new[0], {}).round(4)
    array([2.6464, 3.6464])

    Source: You et al. 2020, "Large batch optimization for deep learning: training
    BERT in 76 minutes", algorithm 2 with the identity as scaling function. Keras and
    optax agree.
    """

    lr: StepSize = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0.0
    maximize: bool = False

    decays_itself = True
    decaying = ("exp_avg",)

    def slots(self, parameter: Node) -> State:
        """Both moments."""
        return zero_slots(parameter, "exp_avg", "exp_avg_sq")

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        beta1, beta2 = self.betas
        first, second = moments(state, gradient, self.betas)
        correction1 = (1.0 - beta1**clock.step).named("bias_correction1")
        correction2 = (1.0 - beta2**clock.step).named("bias_correction2")
        corrected = first / in_dtype_of(parameter, correction1)
        variance = second / in_dtype_of(parameter, correction2)
        direction = corrected / (sqrt(variance) + self.eps).named("denominator")
        if self.weight_decay:
            direction = direction + self.weight_decay * parameter
        direction = direction.named("direction")
        length = norm(parameter).named("parameter_norm")
        ratio = _ratio(length, norm(direction).named("direction_norm"))
        step_size = in_dtype_of(parameter, self.step_size(clock)) * ratio
        new_state = {"exp_avg": first, "exp_avg_sq": second}
        return parameter - step_size * direction, new_state


def _ratio(numerator: Node, denominator: Node, eps: float = 0.0) -> Node:
    """The trust ratio; 1 where there is nothing to compare."""
    is_zero = ((numerator == 0.0) | (denominator == 0.0)).named("is_zero")
    safe = where(is_zero, 1.0, denominator + eps if eps else denominator)
    return where(is_zero, 1.0, numerator / safe).named("trust_ratio")


@dataclass(frozen=True)
class Adafactor(Rule):
    """Adam's second moment of a matrix as the product of a row and a column.

        b = t**beta2_decay
        alpha = max(eps[1], rms(w)) * min(lr, 1 / sqrt(t))
        w = (1 - lr * weight_decay) * w
        r = (1 - b) * r + b * mean of g**2 over each row
        c = (1 - b) * c + b * mean of g**2 over each column
        v = r * c / max(mean(r), eps[0])
        u = g / sqrt(max(v, eps[0]**2))
        w = w - alpha * u / max(1, rms(u) / d)

    Vectors and scalars keep all of `v = (1 - b) * v + b * g**2`; of arrays with more
    than two axes, the last two are the matrix.

    Args:
        lr: the step size, or a schedule.
        beta2_decay: how fast the running mean becomes slow; not positive.
        eps: a lower bound of the second moment's root (None: the machine epsilon of the
            parameter's dtype), and one of the parameter's root mean square.
        d: the largest root mean square of a step; at least 1.
        weight_decay: strength of decoupled decay.
        maximize: ascend instead.

    Raises:
        OptionError: an option out of range.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2, 2), [[3.0, 4.0], [3.0, 4.0]], "float64")
    >>> rule = Adafactor(lr=0.01)
    >>> new, _ = rule.apply([w], [w], rule.init_state([w]), Clock.constant(step=1))
    >>> gc.evaluate(new[0], {}).round(4)
    array([[2.9646, 3.9646],
           [2.9646, 3.9646]])

    Source: Shazeer and Stern 2018, "Adafactor: adaptive learning rates with sublinear
    memory cost", algorithms 4 and 5, in torch's form.
    """

    lr: StepSize = 1e-2
    beta2_decay: Annotated[float, Within(high=0.0)] = -0.8
    eps: tuple[NonNegative | None, NonNegative] = (None, 1e-3)
    d: Annotated[float, Within(low=1.0)] = 1.0
    weight_decay: NonNegative = 0.0
    _: KW_ONLY
    maximize: bool = False

    called = MappingProxyType({**Rule.called, "eps": "epsilons"})
    decays_itself = True

    def slots(self, parameter: Node) -> State:
        """Means of squares over rows and over columns, or all of them for a vector."""
        shape, dtype = parameter.shape, parameter.dtype
        if len(shape) < 2:
            return zero_slots(parameter, "variance")
        return {
            "row_var": zeros((*shape[:-1], 1), dtype),
            "col_var": zeros((*shape[:-2], 1, shape[-1]), dtype),
        }

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        step_size = self.step_size(clock)
        least = self.eps[1]
        rate = minimum(step_size, 1.0 / sqrt(clock.step)).named("relative_step")
        size = _root_mean_square(parameter).named("parameter_size")
        alpha = in_dtype_of(parameter, rate) * maximum(size, least)
        parameter = decayed(parameter, step_size, self.weight_decay)
        estimate, new_state = self._second_moment(gradient, state, clock)
        floor = self._floor(parameter)
        direction = gradient / sqrt(maximum(estimate, floor * floor))
        direction = direction.named("direction")
        size = _root_mean_square(direction).named("direction_size")
        excess = maximum(size / self.d, 1.0)
        step_size = (alpha.named("alpha") / excess).named("scaled_step_size")
        return parameter - step_size * direction, new_state

    def _second_moment(
        self, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        share = (clock.step**self.beta2_decay).named("one_minus_beta2")
        kept = in_dtype_of(gradient, (1.0 - share).named("beta2"))
        share = in_dtype_of(gradient, share)
        squares = square(gradient).named("squares")
        if gradient.ndim < 2:
            variance = kept * state["variance"] + share * squares
            variance = variance.named("second_moment")
            return variance, {"variance": variance}
        rows = kept * state["row_var"] + share * mean(squares, -1, keepdims=True)
        columns = kept * state["col_var"] + share * mean(squares, -2, keepdims=True)
        rows, columns = rows.named("row_moment"), columns.named("column_moment")
        overall = maximum(mean(rows, -2, keepdims=True), self._floor(gradient))
        estimate = (rows * columns / overall).named("second_moment")
        return estimate, {"row_var": rows, "col_var": columns}

    def _floor(self, parameter: Node) -> float:
        floor = self.eps[0]
        return float(np.finfo(parameter.dtype).eps) if floor is None else floor


def _root_mean_square(array: Node) -> Node:
    count = product(array.shape)
    assert not isinstance(count, Dim)
    return norm(array) / math.sqrt(count)


@dataclass(frozen=True)
class Muon(Rule):
    """Momentum, made orthogonal: every direction of a matrix moves by the same amount.

        m = momentum * m + (1 - momentum) * g
        u = momentum * m + (1 - momentum) * g         (u = m without nesterov)
        x = u / max(|u|, eps)
        repeat ns_steps times, with (a, b, c) = ns_coefficients:
            s = x @ x.T
            x = a * x + (b * s + c * s @ s) @ x
        w = (1 - lr * weight_decay) * w - lr * adjusted * x

    The loop is Newton and Schulz's iteration towards the nearest orthogonal matrix.
    For matrices only; biases and embeddings are usually left to `AdamW`, with
    `ParameterGroups`. torch rounds the iteration to bfloat16; here it runs in the
    parameter's dtype, so the two agree to about three digits.

    Args:
        lr: the step size, or a schedule.
        weight_decay: strength of decoupled decay.
        momentum: decay of the running mean.
        nesterov: look ahead along the momentum.
        ns_coefficients: of the iteration's polynomial.
        eps: least norm to divide by.
        ns_steps: number of iterations.
        adjust_lr_fn: `"original"` (or None) multiplies steps by
            `sqrt(max(1, rows / columns))`, `"match_rms_adamw"` by
            `0.2 * sqrt(max(rows, columns))`.
        maximize: ascend instead.

    Raises:
        OptionError: an option out of range.
        ShapeError: a parameter that is not a matrix.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2, 2), [[3.0, 0.0], [0.0, 4.0]], "float64")
    >>> rule = Muon(lr=1.0, weight_decay=0.0)
    >>> new, _ = rule.apply([w], [w], rule.init_state([w]), Clock.constant(step=1))
    >>> gc.evaluate(new[0], {}).round(1)
    array([[2.3, 0. ],
           [0. , 2.9]])

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural
    networks"; Liu et al. 2025, "Muon is scalable for LLM training".
    """

    lr: StepSize = 1e-3
    weight_decay: NonNegative = 0.1
    momentum: Share = 0.95
    nesterov: bool = True
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315)
    eps: NonNegative = 1e-7
    ns_steps: Natural = 5
    adjust_lr_fn: Literal[None, "original", "match_rms_adamw"] = None
    _: KW_ONLY
    maximize: bool = False

    decays_itself = True
    decaying = ("momentum_buffer",)

    def slots(self, parameter: Node) -> State:
        """The running mean of gradients."""
        if parameter.ndim != 2:
            raise ShapeError(
                "Muon requires matrices, got a parameter of shape "
                f"{format_shape(parameter.shape)}",
                at=parameter,
                hint='ParameterGroups({"*.bias": AdamW()}, default=Muon())',
            )
        return zero_slots(parameter, "momentum_buffer")

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        rest = complement(self.momentum)
        scaled = (rest * gradient).named("scaled_gradient")
        buffer = self.momentum * state["momentum_buffer"] + scaled
        direction = buffer = buffer.named("mean_gradient")
        if self.nesterov:
            direction = (self.momentum * buffer + scaled).named("direction")
        step_size = self.step_size(clock)
        kept = decayed(parameter, step_size, self.weight_decay)
        step_size = step_size * self._adjustment(parameter)
        step_size = in_dtype_of(parameter, step_size.named("adjusted_step_size"))
        orthogonal = self._orthogonal(direction)
        return kept - step_size * orthogonal, {"momentum_buffer": buffer}

    def _orthogonal(self, direction: Node) -> Node:
        is_tall = int(direction.shape[0]) > int(direction.shape[1])
        x = direction.T.named("wide_direction") if is_tall else direction
        x = x / maximum(norm(x), self.eps).named("direction_norm")
        x = x.named("normalized_direction")
        a, b, c = self.ns_coefficients
        for _ in range(self.ns_steps):
            gram = matmul(x, x.T).named("gram")
            polynomial = b * gram + c * matmul(gram, gram).named("gram_squared")
            change = matmul(polynomial.named("polynomial"), x).named("change")
            x = (a * x + change).named("iterate")
        return (x.T if is_tall else x).named("orthogonal_direction")

    def _adjustment(self, parameter: Node) -> Node:
        rows, columns = (int(size) for size in parameter.shape)
        if self.adjust_lr_fn == "match_rms_adamw":
            return constant(0.2 * math.sqrt(max(rows, columns)))
        return constant(math.sqrt(max(1.0, rows / columns)))
