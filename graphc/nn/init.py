"""Initialisers: how parameters start, as NumPy source and as frozen values.

Each prints the expression that draws the array from a `np.random.Generator` named
`rng`; the emitted program contains that expression, and the runtime evaluates the same
text, so both start from the same numbers bit for bit.

Fans follow torch's layout: a weight is `(out, in, *kernel)`, so that
`fan_in = in * prod(kernel)` and `fan_out = out * prod(kernel)`; with
`layout="in_out"` a weight is `(in, out)`, as in `x @ w`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import OptionError, ShapeError
from ..ir.origin import here
from ..ir.types import DType

__all__ = [
    "Constant",
    "FanMode",
    "Layout",
    "Normal",
    "ScaledNormal",
    "ScaledUniform",
    "Uniform",
    "constant",
    "fans",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "normal",
    "ones",
    "uniform",
    "zeros",
]

FanMode = Literal["fan_in", "fan_out", "fan_avg"]
Layout = Literal["out_in", "in_out"]


def fans(shape: tuple[int, ...], layout: Layout = "in_out") -> tuple[int, int]:
    """`(fan_in, fan_out)` of a weight of this shape."""
    if len(shape) < 2:
        raise ShapeError(
            f"fans need a weight of at least two axes, got shape {shape}",
            hint="gc.init.uniform or gc.init.zeros for vectors",
        )
    kernel = math.prod(shape[2:])
    if layout == "out_in" or len(shape) > 2:
        return shape[1] * kernel, shape[0] * kernel
    return shape[0], shape[1]


def _draw(expression: str, dtype: DType) -> str:
    """A float64 draw as `dtype`; every dtype starts from the same float64 numbers."""
    return expression if dtype == "float64" else f"{expression}.astype(np.{dtype})"


@dataclass(frozen=True)
class Constant:
    """Every element equal to `value`."""

    value: float

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        if self.value == 0.0:
            return f"np.zeros({shape}, np.{_name(dtype)})"
        if self.value == 1.0:
            return f"np.ones({shape}, np.{_name(dtype)})"
        return f"np.full({shape}, {self.value!r}, np.{_name(dtype)})"


@dataclass(frozen=True)
class Uniform:
    """Uniform on `[low, high)`."""

    low: float
    high: float

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        return _draw(f"rng.uniform({self.low!r}, {self.high!r}, {shape})", dtype)


@dataclass(frozen=True)
class Normal:
    """Gaussian of a mean and a standard deviation."""

    mean: float
    std: float

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        return _draw(f"rng.normal({self.mean!r}, {self.std!r}, {shape})", dtype)


@dataclass(frozen=True)
class _Scaled:
    scale: float
    """Variance times fan."""
    mode: FanMode
    layout: Layout

    def std(self, shape: tuple[int, ...]) -> float:
        """The standard deviation for a weight of this shape."""
        fan_in, fan_out = fans(shape, self.layout)
        fan = {
            "fan_in": fan_in,
            "fan_out": fan_out,
            "fan_avg": (fan_in + fan_out) / 2,
        }[self.mode]
        return math.sqrt(self.scale / max(fan, 1))


@dataclass(frozen=True)
class ScaledUniform(_Scaled):
    """Uniform with variance `scale / fan`."""

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        bound = math.sqrt(3.0) * self.std(shape)
        return _draw(f"rng.uniform({-bound!r}, {bound!r}, {shape})", dtype)


@dataclass(frozen=True)
class ScaledNormal(_Scaled):
    """Gaussian with variance `scale / fan`."""

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        return _draw(f"rng.normal(0.0, {self.std(shape)!r}, {shape})", dtype)


def _name(dtype: DType) -> str:
    return "bool_" if dtype.kind == "b" else str(dtype)


def _number(value: Any, name: str, *, low: float = -math.inf) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or value < low:
        bound = f" of at least {low}" if low > -math.inf else ""
        raise OptionError(
            f"{name} must be a finite number{bound}, got {value!r}",
            location=str(here().location),
        )
    return float(value)


def zeros() -> Constant:
    """All zeros: the usual start of a bias.

    >>> import graphc as gc
    >>> b = gc.parameter("b", (3,), gc.init.zeros())
    >>> gc.evaluate(b, {})
    array([0., 0., 0.], dtype=float32)
    """
    return Constant(0.0)


def ones() -> Constant:
    """All ones: the usual start of a normalisation's scale."""
    return Constant(1.0)


def constant(value: float) -> Constant:
    """Every element `value`; 0.01 was once advised for biases of ReLU layers."""
    return Constant(_number(value, "value"))


def uniform(a: float = 0.0, b: float = 1.0) -> Uniform:
    """Uniform on `[a, b)`."""
    low, high = _number(a, "a"), _number(b, "b")
    if low > high:
        raise OptionError(
            f"uniform(a, b) requires a <= b, got {a} and {b}",
            location=str(here().location),
        )
    return Uniform(low, high)


def normal(mean: float = 0.0, std: float = 1.0) -> Normal:
    """Gaussian with mean `mean` and standard deviation `std`."""
    return Normal(_number(mean, "mean"), _number(std, "std", low=0.0))


def glorot_uniform(gain: float = 1.0, layout: Layout = "in_out") -> ScaledUniform:
    """Uniform on `[-b, b]`, `b = gain * sqrt(6 / (fan_in + fan_out))`.

    Keeps the variance of activations and of gradients about equal through layers of
    symmetric units such as tanh. Source: Glorot and Bengio 2010, "Understanding the
    difficulty of training deep feedforward neural networks", equation 16.

    Args:
        gain: a factor for the unit that follows; torch's `calculate_gain` lists them.
        layout: `"in_out"` for `x @ w`, `"out_in"` for torch's `x @ w.T`.
    """
    return ScaledUniform(_number(gain, "gain", low=0.0) ** 2, "fan_avg", layout)


def glorot_normal(gain: float = 1.0, layout: Layout = "in_out") -> ScaledNormal:
    """Gaussian with standard deviation `gain * sqrt(2 / (fan_in + fan_out))`.

    Source: Glorot and Bengio 2010, as `glorot_uniform`.
    """
    return ScaledNormal(_number(gain, "gain", low=0.0) ** 2, "fan_avg", layout)


def he_uniform(mode: FanMode = "fan_in", layout: Layout = "in_out") -> ScaledUniform:
    """Uniform on `[-b, b]`, `b = sqrt(6 / fan)`: for layers of ReLU.

    Source: He et al. 2015, "Delving deep into rectifiers", equation 10.
    """
    return ScaledUniform(2.0, mode, layout)


def he_normal(mode: FanMode = "fan_in", layout: Layout = "in_out") -> ScaledNormal:
    """Gaussian with standard deviation `sqrt(2 / fan)`: for layers of ReLU.

    Source: He et al. 2015, "Delving deep into rectifiers", equation 10.
    """
    return ScaledNormal(2.0, mode, layout)
