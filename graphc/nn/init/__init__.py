"""`gc.init`: initial values of parameters.

Deep networks train when activations keep their variance from layer to layer, and
gradients theirs on the way back. For `y = x @ w` the variance of `y` is that of `x`
times `fan_in * Var(w)`, and that of `d_x` is that of `d_y` times `fan_out * Var(w)`;
Glorot, He and LeCun are three answers for `Var(w)`. Biases start at 0, or at 0.01
where ReLU units should be alive at first.

A `layout` names the axes, see `fans`. Functions under torch's names (`xavier_*`,
`kaiming_*`) have torch's, `"out_in"`, those under the authors' names `"in_out"`, as in
`x @ w`; the layers of `gc.nn` set it themselves.
"""

from __future__ import annotations

import math

from ...arguments import public
from ...errors import OptionError
from ...ops.source import Initializer
from .initializers import (
    Constant,
    Dirac,
    FanMode,
    Identity,
    Normal,
    Orthogonal,
    ScaledNormal,
    ScaledUniform,
    Sparse,
    TruncatedNormal,
    Uniform,
    check_layout,
    fans,
)

__all__ = [
    "Constant",
    "Dirac",
    "FanMode",
    "Identity",
    "Initializer",
    "Normal",
    "Orthogonal",
    "ScaledNormal",
    "ScaledUniform",
    "Sparse",
    "TruncatedNormal",
    "Uniform",
    "calculate_gain",
    "constant",
    "dirac",
    "eye",
    "fans",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


def _number(value: float, name: str, *, low: float = -math.inf) -> float:
    if not math.isfinite(value) or value < low:
        bound = f" of at least {low:g}" if low > -math.inf else ""
        raise OptionError(f"{name} must be a finite number{bound}, got {value!r}")
    return float(value)


def _squared(gain: float) -> float:
    """The square of a gain, which must be a number, too."""
    value = _number(gain, "gain", low=0.0)
    return _number(value * value, "the square of gain")


# Initialisers that need no fans.


def zeros() -> Constant:
    """All zeros: the usual start of a bias.

    >>> import graphc as gc
    >>> b = gc.parameter("b", (3,), gc.init.zeros())
    >>> gc.evaluate(b, {})
    array([0., 0., 0.], dtype=float32)
    """
    return Constant(0.0)


def ones() -> Constant:
    """All ones: the usual start of a normalisation's scale.

    >>> import graphc as gc
    >>> gc.evaluate(gc.parameter("scale", (2,), gc.init.ones()), {})
    array([1., 1.], dtype=float32)
    """
    return Constant(1.0)


def constant(value: float) -> Constant:
    """Every element `value`.

    For biases of ReLU layers 0.01 was once advised, so that all units are active at
    first; 0 is usual now.

    >>> import graphc as gc
    >>> gc.evaluate(gc.parameter("b", (2,), gc.init.constant(0.01), "float64"), {})
    array([0.01, 0.01])
    """
    return Constant(_number(value, "value"))


def uniform(a: float = 0.0, b: float = 1.0) -> Uniform:
    """Uniform on `[a, b)`.

    >>> import graphc as gc
    >>> w = gc.evaluate(gc.parameter("w", (2, 3), gc.init.uniform(-0.1, 0.1)), {})
    >>> bool(abs(w).max() < 0.1)
    True
    """
    low, high = _number(a, "a"), _number(b, "b")
    if low > high:
        raise OptionError(f"uniform(a, b) requires a <= b, got {a} and {b}")
    if math.isinf(high - low):
        raise OptionError(f"uniform(a, b) requires a finite b - a, got {a} and {b}")
    return Uniform(low, high)


def normal(mean: float = 0.0, std: float = 1.0) -> Normal:
    """Gaussian with mean `mean` and standard deviation `std`.

    >>> import graphc as gc
    >>> gc.parameter("w", (784, 30), gc.init.normal(std=0.01))
    <parameter 'w' float32 (784, 30)>
    """
    return Normal(_number(mean, "mean"), _number(std, "std", low=0.0))


def truncated_normal(
    mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> TruncatedNormal:
    """Gaussian of `mean` and `std`, given that it lies in `[a, b]`.

    Its density is the Gaussian's on `[a, b]`, divided by the probability of `[a, b]`,
    and 0 elsewhere. Its own standard deviation is therefore smaller than `std`: 0.88
    times, for bounds of two standard deviations.

    Args:
        mean, std: of the Gaussian before truncation.
        a, b: the bounds as they are, as in torch, and not in units of `std`.

    Raises:
        OptionError: `a >= b`, a `std` that is not positive, or bounds so far from the
            mean that a double can't hold their probability.

    >>> import graphc as gc
    >>> start = gc.init.truncated_normal(std=0.02, a=-0.04, b=0.04)
    >>> w = gc.evaluate(gc.parameter("w", (50, 50), start), {})
    >>> bool(abs(w).max() <= 0.04)
    True

    Source: inversion, Devroye 1986, "Non-uniform random variate generation", section
    II.2.1; the quantile by Wichura 1988, algorithm AS 241.
    """
    centre, low, high = _number(mean, "mean"), _number(a, "a"), _number(b, "b")
    deviation = _number(std, "std", low=0.0)
    if deviation == 0.0:
        raise OptionError("truncated_normal requires std > 0, got 0")
    if low >= high:
        raise OptionError(f"truncated_normal requires a < b, got {a} and {b}")
    scale = deviation * math.sqrt(2.0)
    # Both probabilities in the lower tail, where doubles are fine.
    flip = -1.0 if low > centre else 1.0
    tails = [0.5 * math.erfc(flip * (centre - x) / scale) for x in (low, high)]
    if abs(tails[1] - tails[0]) < 1e-290:
        raise OptionError(
            f"[{a}, {b}] is too far from mean {mean} or too narrow for std {std}: "
            "a draw has no chance to be there",
            hint="bounds a and b around the mean; they are not in units of std",
        )
    return TruncatedNormal(centre, deviation, low, high)


def sparse(sparsity: float, std: float = 0.01, axis: int = 0) -> Sparse:
    """A matrix with the fraction `sparsity` of zeros in every column, else Gaussian.

    A column of `n` elements has `ceil(sparsity * n)` zeros, at random positions; the
    rest is Gaussian with mean 0 and standard deviation `std`.

    Args:
        sparsity: from 0 to 1.
        std: of the elements that are not zero.
        axis: along which zeros are counted: 0 for columns, as in torch, 1 for rows.
            Martens limits the inputs of a unit: axis 0 of `x @ w`, 1 of `x @ w.T`.

    >>> import graphc as gc
    >>> start = gc.init.sparse(0.75, axis=1)
    >>> w = gc.evaluate(gc.parameter("w", (3, 20), start), {})
    >>> (w != 0).sum(axis=1)
    array([5, 5, 5])

    Source: Martens 2010, "Deep learning via Hessian-free optimization", section 5.
    """
    fraction = _number(sparsity, "sparsity", low=0.0)
    if fraction > 1.0:
        raise OptionError(f"sparsity must be a fraction of at most 1, got {sparsity}")
    if axis not in (0, 1):
        raise OptionError(f"axis must be 0 or 1, got {axis!r}")
    return Sparse(fraction, _number(std, "std", low=0.0), axis)


def identity(gain: float = 1.0) -> Identity:
    """A matrix with `gain` on its diagonal and 0 elsewhere; it need not be square.

    >>> import graphc as gc
    >>> gc.evaluate(gc.parameter("w", (2, 3), gc.init.identity()), {})
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)

    Source: for recurrent layers of ReLU, Le et al. 2015, "A simple way to initialize
    recurrent networks of rectified linear units".
    """
    return Identity(_number(gain, "gain"))


def eye() -> Identity:
    """`identity()`, under torch's name.

    >>> eye() == identity()
    True
    """
    return Identity(1.0)


def orthogonal(gain: float = 1.0) -> Orthogonal:
    """`gain` times a random matrix with orthonormal rows or columns, the fewer of both.

    `w @ w.T = gain**2 * I` where there are no more rows than columns, else
    `w.T @ w = gain**2 * I`: signals keep their length through linear layers of any
    depth. A weight of more axes counts as a matrix of `shape[0]` rows, as in torch. It
    is the `q` of a Gaussian matrix's QR decomposition, its signs such that every
    rotation is as likely as any other.

    Args:
        gain: a factor for the unit that follows, see `calculate_gain`.

    >>> import graphc as gc
    >>> start = gc.init.orthogonal()
    >>> w = gc.evaluate(gc.parameter("w", (2, 3), start, "float64"), {})
    >>> (w @ w.T).round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])

    Source: Saxe, McClelland and Ganguli 2014, "Exact solutions to the nonlinear
    dynamics of learning in deep linear neural networks"; the signs by Mezzadri 2007,
    "How to generate random matrices from the classical compact groups".
    """
    return Orthogonal(_number(gain, "gain"))


def dirac(groups: int = 1) -> Dirac:
    """Weights of a convolution that passes its channels on unchanged.

    1 in the middle of the kernel from each input channel to the output of its number,
    0 elsewhere: `w[i, i, centre] = 1`, within each of `groups` groups of outputs.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2, 2, 3), gc.init.dirac())
    >>> gc.evaluate(w, {})[1]
    array([[0., 0., 0.],
           [0., 1., 0.]], dtype=float32)

    Source: Zagoruyko and Komodakis 2017, "DiracNets: training very deep neural
    networks without skip-connections".
    """
    if groups < 1:
        raise OptionError(f"groups must be a positive integer, got {groups!r}")
    return Dirac(int(groups))


# Initialisers that scale by fans.


def glorot_uniform(gain: float = 1.0, layout: str = "in_out") -> ScaledUniform:
    """Uniform on `[-b, b]`, `b = gain * sqrt(6 / (fan_in + fan_out))`.

    Keeps the variance of activations and of gradients about equal through layers of
    symmetric units such as tanh.

    Args:
        gain: a factor for the unit that follows, see `calculate_gain`.
        layout: `"in_out"` for `x @ w`, `"out_in"` for torch's `x @ w.T`; see `fans`.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (4, 2), gc.init.glorot_uniform())
    >>> bool(abs(gc.evaluate(w, {})).max() <= 1.0)
    True

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep
    feedforward neural networks", equation 16.
    """
    return ScaledUniform(_squared(gain), "fan_avg", check_layout(layout))


def glorot_normal(gain: float = 1.0, layout: str = "in_out") -> ScaledNormal:
    """Gaussian with standard deviation `gain * sqrt(2 / (fan_in + fan_out))`.

    Arguments as those of `glorot_uniform`.

    Source: Glorot and Bengio 2010, as `glorot_uniform`, equation 12.

    >>> import graphc as gc
    >>> gc.init.glorot_normal().std((50, 150))
    0.1
    """
    return ScaledNormal(_squared(gain), "fan_avg", check_layout(layout))


def xavier_uniform(gain: float = 1.0, layout: str = "out_in") -> ScaledUniform:
    """`glorot_uniform` under torch's name, for torch's layout of weights.

    >>> xavier_uniform() == glorot_uniform(layout="out_in")
    True
    """
    return glorot_uniform(gain, layout)


def xavier_normal(gain: float = 1.0, layout: str = "out_in") -> ScaledNormal:
    """`glorot_normal` under torch's name, for torch's layout of weights.

    >>> import graphc as gc
    >>> gc.init.xavier_normal() == gc.init.glorot_normal(layout="out_in")
    True
    """
    return glorot_normal(gain, layout)


def he_uniform(mode: FanMode = "fan_in", layout: str = "in_out") -> ScaledUniform:
    """Uniform on `[-b, b]`, `b = sqrt(6 / fan)`: for layers of ReLU.

    Args:
        mode: `"fan_in"` keeps the variance of activations, `"fan_out"` that of
            gradients, `"fan_avg"` is between.
        layout: as for `glorot_uniform`.

    Source: He et al. 2015, "Delving deep into rectifiers", equation 10.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (24, 2), gc.init.he_uniform())
    >>> bool(abs(gc.evaluate(w, {})).max() <= 0.5)
    True
    """
    return ScaledUniform(2.0, mode, check_layout(layout))


def he_normal(mode: FanMode = "fan_in", layout: str = "in_out") -> ScaledNormal:
    """Gaussian with standard deviation `sqrt(2 / fan)`: for layers of ReLU.

    Arguments as those of `he_uniform`.

    >>> import graphc as gc
    >>> he_normal().std((50, 10))
    0.2

    Source: He et al. 2015, "Delving deep into rectifiers", equation 10.
    """
    return ScaledNormal(2.0, mode, check_layout(layout))


def kaiming_uniform(
    a: float = 0.0,
    mode: FanMode = "fan_in",
    nonlinearity: str = "leaky_relu",
    layout: str = "out_in",
) -> ScaledUniform:
    """Uniform on `[-b, b]`, `b = gain * sqrt(3 / fan)`: He's under torch's name.

    Args:
        a: the slope of a leaky ReLU below 0; 0 for a ReLU.
        mode: as for `he_uniform`.
        nonlinearity: the unit that follows, of those that `calculate_gain` knows.
        layout: as for `xavier_uniform`.

    >>> kaiming_uniform() == he_uniform(layout="out_in")
    True

    Source: He et al. 2015, "Delving deep into rectifiers", equations 10, 14 and 15.
    """
    return ScaledUniform(_square_gain(nonlinearity, a), mode, check_layout(layout))


def kaiming_normal(
    a: float = 0.0,
    mode: FanMode = "fan_in",
    nonlinearity: str = "leaky_relu",
    layout: str = "out_in",
) -> ScaledNormal:
    """Gaussian with standard deviation `gain / sqrt(fan)`: He's under torch's name.

    Arguments as those of `kaiming_uniform`.

    Source: He et al. 2015, "Delving deep into rectifiers", equations 10, 14 and 15.

    >>> import graphc as gc
    >>> gc.init.kaiming_normal(nonlinearity="relu").std((10, 50))
    0.2
    """
    return ScaledNormal(_square_gain(nonlinearity, a), mode, check_layout(layout))


def lecun_uniform(layout: str = "in_out") -> ScaledUniform:
    """Uniform on `[-b, b]`, `b = sqrt(3 / fan_in)`: variance `1 / fan_in`.

    Keeps the variance of activations where the unit that follows has slope 1 at 0, as
    a scaled tanh has, or normalises itself, as SELU does.

    Source: LeCun et al. 1998, "Efficient BackProp", equation 16.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (12, 2), gc.init.lecun_uniform())
    >>> bool(abs(gc.evaluate(w, {})).max() <= 0.5)
    True
    """
    return ScaledUniform(1.0, "fan_in", check_layout(layout))


def lecun_normal(layout: str = "in_out") -> ScaledNormal:
    """Gaussian with standard deviation `sqrt(1 / fan_in)`, as `lecun_uniform`.

    >>> lecun_normal().std((25, 10))
    0.2

    Source: LeCun et al. 1998, "Efficient BackProp", equation 16; for SELU, Klambauer
    et al. 2017, "Self-normalizing neural networks".
    """
    return ScaledNormal(1.0, "fan_in", check_layout(layout))


_SQUARE_GAINS = {
    "tanh": 25.0 / 9.0,
    "relu": 2.0,
    "selu": 9.0 / 16.0,
    **dict.fromkeys(("linear", "sigmoid", "conv1d", "conv2d", "conv3d"), 1.0),
    **{f"conv_transpose{rank}d": 1.0 for rank in (1, 2, 3)},
}


def _square_gain(nonlinearity: str, param: float | None = None) -> float:
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else _number(param, "the slope of a leaky ReLU")
        return 2.0 / (1.0 + slope * slope)
    if nonlinearity not in _SQUARE_GAINS:
        known = ", ".join(("leaky_relu", *_SQUARE_GAINS))
        raise OptionError(f"nonlinearity must be one of {known}, got {nonlinearity!r}")
    return _SQUARE_GAINS[nonlinearity]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that makes up for the variance that a unit takes away.

    `sqrt(2)` for ReLU, `sqrt(2 / (1 + slope**2))` for leaky ReLU, 5/3 for tanh, 3/4 for
    SELU, 1 for sigmoid and where nothing follows; as in `torch.nn.init`.

    Args:
        nonlinearity: `"relu"`, `"leaky_relu"`, `"tanh"`, `"sigmoid"`, `"selu"`,
            `"linear"`, or a convolution's name.
        param: the slope of a leaky ReLU below 0, by default 0.01.

    Raises:
        OptionError: a unit that is not among these.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    return math.sqrt(_square_gain(nonlinearity, param))


public(globals(), __all__)
