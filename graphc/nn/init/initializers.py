"""Initialisers: NumPy source that draws the first value of a parameter.

Each prints the expression that draws the array from a `np.random.Generator` named
`rng`; the emitted program contains that expression, and the runtime evaluates the same
text, so both start from the same numbers bit for bit. One that needs more than an
expression brings a `helper`, the text of a function that stands in the program once.

Draws are float64 and then rounded, so parameters of every dtype start from the same
numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ...errors import DTypeError, OptionError, ShapeError
from ...ir.types import DType
from .copied import dirac, orthogonal, source_of, truncated_normal

FanMode = Literal["fan_in", "fan_out", "fan_avg"]

_ROLES = ("in", "out", "kernel", "stack")


def check_layout(layout: str) -> str:
    """`layout` if it is one, else raise `OptionError`."""
    roles = layout.split("_")
    if not {"in", "out"} <= set(roles) or not set(roles) <= set(_ROLES):
        raise OptionError(
            f"a layout names the role of each axis, of {', '.join(_ROLES)}, joined by "
            f"underscores, in and out among them; got {layout!r}",
            hint='"in_out" for x @ w, "out_in" for x @ w.T',
        )
    return layout


def fans(shape: tuple[int, ...], layout: str = "in_out") -> tuple[int, int]:
    """`(fan_in, fan_out)`: how many numbers enter a unit, and how many one enters.

    Args:
        shape: of a weight, at least two axes.
        layout: the role of each axis, joined by underscores: `in` and `out` for
            features, of which there may be several, `kernel` for positions of a
            convolution, which count for both fans, and `stack` for weights that lie
            side by side, which count for neither. A weight of more than two axes whose
            layout names two is torch's for a convolution, `(out, in, *kernel)`.

    Raises:
        ShapeError: fewer than two axes, or not as many as the layout has roles.
        OptionError: no layout.

    >>> fans((784, 30))
    (784, 30)
    >>> fans((16, 3, 5, 5))  # a convolution from 3 channels to 16
    (75, 400)
    >>> fans((512, 8, 64), "in_out_out")  # from 512 features to 8 heads of 64
    (512, 512)
    >>> fans((3, 512, 512), "stack_out_in")  # queries, keys and values in one
    (512, 512)
    """
    if len(shape) < 2:
        raise ShapeError(
            f"fans need a weight of at least two axes, got shape {shape}",
            hint="gc.init.uniform or gc.init.zeros for vectors",
        )
    roles = check_layout(layout).split("_")
    if len(roles) == 2 and len(shape) > 2:
        roles = ["out", "in", *["kernel"] * (len(shape) - 2)]
    if len(roles) != len(shape):
        raise ShapeError(f"the layout {layout!r} does not fit the shape {shape}")
    sizes = {
        role: math.prod(n for n, r in zip(shape, roles, strict=True) if r == role)
        for role in _ROLES
    }
    return sizes["in"] * sizes["kernel"], sizes["out"] * sizes["kernel"]


def _name(dtype: DType) -> str:
    return "bool_" if dtype.kind == "b" else str(dtype)


def _check_floating(dtype: DType) -> None:
    if dtype.kind != "f":
        raise DTypeError(
            f"this start has fractions and requires a floating parameter, got {dtype}",
            hint="an array, or gc.init.zeros()",
        )


def _draw(expression: str, dtype: DType) -> str:
    """A float64 draw as `dtype`."""
    _check_floating(dtype)
    return expression if dtype == "float64" else f"{expression}.astype(np.{dtype})"


def _matrix(shape: tuple[int, ...], what: str) -> tuple[int, int]:
    if len(shape) != 2:
        raise ShapeError(f"{what} requires a matrix, got shape {shape}")
    return shape[0], shape[1]


@dataclass(frozen=True)
class Constant:
    """Every element equal to `value`.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.init.Constant(0.5).source((2, 3), np.dtype("float64"))
    'np.full((2, 3), 0.5, np.float64)'
    """

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
    """Uniform on `[low, high)`.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.init.Uniform(-0.5, 0.5).source((2, 3), np.dtype("float64"))
    'rng.uniform(-0.5, 0.5, (2, 3))'
    """

    low: float
    high: float

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        return _draw(f"rng.uniform({self.low!r}, {self.high!r}, {shape})", dtype)


@dataclass(frozen=True)
class Normal:
    """Gaussian of a mean and a standard deviation.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.init.Normal(0.0, 0.01).source((2, 3), np.dtype("float64"))
    'rng.normal(0.0, 0.01, (2, 3))'
    """

    mean: float
    std: float

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        return _draw(f"rng.normal({self.mean!r}, {self.std!r}, {shape})", dtype)


@dataclass(frozen=True)
class WithoutRow:
    """Another start, with one row of zeros."""

    start: Normal
    row: int

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        others = f"(np.arange({shape[0]}) != {self.row})[:, None]"
        return f"{self.start.source(shape, dtype)} * {others}"


@dataclass(frozen=True)
class TruncatedNormal:
    """Gaussian of a mean and a standard deviation, where it is in `[low, high]`.

    >>> import graphc as gc
    >>> import numpy as np
    >>> start = gc.init.TruncatedNormal(0.0, 1.0, -2.0, 2.0)
    >>> start.source((2, 3), np.dtype("float64"))
    'truncated_normal(rng, 0.0, 1.0, -2.0, 2.0, (2, 3))'
    """

    mean: float
    std: float
    low: float
    high: float

    @property
    def helper(self) -> str:
        """The function that the expression calls."""
        return source_of(truncated_normal)

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        numbers = f"{self.mean!r}, {self.std!r}, {self.low!r}, {self.high!r}"
        return _draw(f"truncated_normal(rng, {numbers}, {shape})", dtype)


@dataclass(frozen=True)
class _Scaled:
    scale: float
    """Variance times fan."""
    mode: FanMode
    layout: str

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
    """Uniform with variance `scale / fan`.

    >>> import graphc as gc
    >>> gc.init.ScaledUniform(1.0, "fan_in", "in_out").std((4, 2))
    0.5
    """

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        bound = math.sqrt(3.0) * self.std(shape)
        return _draw(f"rng.uniform({-bound!r}, {bound!r}, {shape})", dtype)


@dataclass(frozen=True)
class ScaledNormal(_Scaled):
    """Gaussian with variance `scale / fan`.

    >>> import graphc as gc
    >>> gc.init.ScaledNormal(1.0, "fan_avg", "in_out").std((10, 40))
    0.2
    """

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        return _draw(f"rng.normal(0.0, {self.std(shape)!r}, {shape})", dtype)


@dataclass(frozen=True)
class Orthogonal:
    """`gain` times a matrix of orthonormal rows or columns.

    >>> import graphc as gc
    >>> import numpy as np
    >>> q = gc.evaluate(gc.parameter("q", (3, 3), gc.init.Orthogonal(1.0)), {})
    >>> bool(np.allclose(q @ q.T, np.eye(3), atol=1e-5))
    True
    """

    gain: float

    @property
    def helper(self) -> str:
        """The function that the expression calls."""
        return source_of(orthogonal)

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        if len(shape) < 2:
            raise ShapeError(
                f"orthogonal requires at least two axes, got shape {shape}"
            )
        rows, columns = shape[0], math.prod(shape[1:])
        expression = f"orthogonal(rng, {rows}, {columns})"
        if len(shape) > 2:
            expression += f".reshape({shape})"
        if self.gain == 1.0:
            return _draw(expression, dtype)
        factor = f"{self.gain!r} * {expression}"
        return _draw(factor if dtype == "float64" else f"({factor})", dtype)


@dataclass(frozen=True)
class Identity:
    """A matrix with `gain` on its diagonal.

    >>> import graphc as gc
    >>> gc.evaluate(gc.parameter("w", (2, 3), gc.init.Identity(2.0)), {})
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """

    gain: float

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        rows, columns = _matrix(shape, "identity")
        eye = f"np.eye({rows}, {columns}, dtype=np.{_name(dtype)})"
        if self.gain == 1.0:
            return eye
        _check_floating(dtype)
        # A Python number is weak: the product has the dtype of the matrix.
        return f"{self.gain!r} * {eye}"


@dataclass(frozen=True)
class Sparse:
    """Gaussian with a fixed number of zeros along `axis`, at random positions.

    >>> import graphc as gc
    >>> start = gc.init.Sparse(0.5, 0.01, axis=0)
    >>> w = gc.evaluate(gc.parameter("w", (4, 3), start), {})
    >>> (w == 0.0).sum(axis=0)
    array([2, 2, 2])
    """

    sparsity: float
    std: float
    axis: Literal[0, 1]

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        zeros = math.ceil(self.sparsity * _matrix(shape, "sparse")[self.axis])
        # The order of uniform draws is a permutation, each as likely as any.
        ranks = f"rng.random({shape}).argsort({self.axis})"
        gaussian = f"rng.normal(0.0, {self.std!r}, {shape})"
        return _draw(f"np.where({ranks} < {zeros}, 0.0, {gaussian})", dtype)


@dataclass(frozen=True)
class Dirac:
    """Convolution weights that pass channels on unchanged.

    >>> import graphc as gc
    >>> w = gc.evaluate(gc.parameter("w", (2, 2, 3), gc.init.Dirac(1)), {})
    >>> w[0], w[1]
    (array([[0., 1., 0.],
           [0., 0., 0.]], dtype=float32), array([[0., 0., 0.],
           [0., 1., 0.]], dtype=float32))
    """

    groups: int

    @property
    def helper(self) -> str:
        """The function that the expression calls."""
        return source_of(dirac)

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array."""
        if not 3 <= len(shape) <= 5:
            raise ShapeError(
                f"dirac requires a convolution's weight (out, in, *kernel) of 3 to 5 "
                f"axes, got shape {shape}"
            )
        if shape[0] % self.groups:
            raise ShapeError(
                f"dirac requires a number of outputs that {self.groups} groups divide, "
                f"got shape {shape}"
            )
        return _draw(f"dirac({shape}, {self.groups})", dtype)
