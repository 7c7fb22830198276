"""graphc: symbolic computation graphs, compiled to readable NumPy programs.

What declares, differentiates and compiles a graph is imported with the package; what
trains, measures and draws it, when it is first named.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from . import errors, linalg, nn
from .arguments import getattr_of, public
from .autodiff import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .ir import Dim, Node
from .nn import init
from .nn.parameter import buffer, parameter
from .ops.along_axis import take_along_axis
from .ops.angles import (
    angle,
    conj,
    conjugate,
    deg2rad,
    degrees,
    imag,
    rad2deg,
    radians,
    real,
)
from .ops.arithmetic import (
    abs,
    absolute,
    add,
    cbrt,
    clip,
    divide,
    fabs,
    floor_divide,
    maximum,
    minimum,
    mod,
    multiply,
    negative,
    positive,
    reciprocal,
    remainder,
    sign,
    sqrt,
    square,
    subtract,
    true_divide,
    where,
)
from .ops.comparison import (
    bitwise_and,
    bitwise_invert,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    equal,
    greater,
    greater_equal,
    invert,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
)
from .ops.exponential import (
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    exp,
    exp2,
    expm1,
    float_power,
    hypot,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    pow,
    power,
    sin,
    sinh,
    tan,
    tanh,
)
from .ops.extrema import amax, amin, argmax, argmin, max, min, ptp
from .ops.floats import (
    copysign,
    fmax,
    fmin,
    frexp,
    heaviside,
    ldexp,
    nan_to_num,
    nextafter,
    signbit,
    spacing,
)
from .ops.indexing import take
from .ops.integers import (
    bitwise_left_shift,
    bitwise_right_shift,
    gcd,
    lcm,
    left_shift,
    right_shift,
)
from .ops.joining import concatenate, stack
from .ops.linalg import dot, matmul, outer
from .ops.products import prod
from .ops.random import bernoulli
from .ops.reduction import mean, sum
from .ops.rounding import (
    around,
    ceil,
    divmod,
    fix,
    floor,
    fmod,
    modf,
    rint,
    round,
    trunc,
)
from .ops.scans import cummax, cummin, cumprod, cumsum, logcumsumexp
from .ops.shape import (
    broadcast_to,
    expand_dims,
    moveaxis,
    ravel,
    reshape,
    squeeze,
    swapaxes,
    transpose,
)
from .ops.sorting import argpartition, argsort, kthvalue, lexsort, partition, sort, topk
from .ops.source import (
    astype,
    constant,
    full,
    input,
    ones,
    ones_like,
    stop_gradient,
    zeros,
    zeros_like,
)
from .ops.statistics import average, corrcoef, cov, std, var
from .ops.truth import all, any, count_nonzero
from .ops.windows import sliding_window_view
from .runtime.compiler import compile
from .runtime.interpreter import evaluate, interpret
from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import datasets, metrics, optim
    from .fullbatch.minimize import minimize
    from .runtime.check_gradients import check_gradients
    from .training.callbacks import Callback, StopTraining, TensorBoard
    from .training.history import History
    from .training.tables import CSV
    from .training.trainer import Trainer
    from .viz.drawing import Drawing, render
    from .viz.report import report

__all__ = [
    "CSV",
    "Callback",
    "Dim",
    "Drawing",
    "History",
    "Node",
    "StopTraining",
    "TensorBoard",
    "Trainer",
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "all",
    "amax",
    "amin",
    "angle",
    "any",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "around",
    "asin",
    "asinh",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "average",
    "bernoulli",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "broadcast_to",
    "buffer",
    "cbrt",
    "ceil",
    "check_gradients",
    "clip",
    "compile",
    "concatenate",
    "conj",
    "conjugate",
    "constant",
    "copysign",
    "corrcoef",
    "cos",
    "cosh",
    "count_nonzero",
    "cov",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "datasets",
    "deg2rad",
    "degrees",
    "divide",
    "divmod",
    "dot",
    "equal",
    "errors",
    "evaluate",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "fabs",
    "fix",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frexp",
    "full",
    "gcd",
    "grad",
    "greater",
    "greater_equal",
    "heaviside",
    "hessian",
    "hvp",
    "hypot",
    "imag",
    "init",
    "input",
    "interpret",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "jacobian",
    "jvp",
    "kthvalue",
    "lcm",
    "ldexp",
    "left_shift",
    "less",
    "less_equal",
    "lexsort",
    "linalg",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logcumsumexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "matmul",
    "max",
    "maximum",
    "mean",
    "metrics",
    "min",
    "minimize",
    "minimum",
    "mod",
    "modf",
    "moveaxis",
    "multiply",
    "nan_to_num",
    "negative",
    "nextafter",
    "nn",
    "not_equal",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "parameter",
    "partition",
    "positive",
    "pow",
    "power",
    "prod",
    "ptp",
    "rad2deg",
    "radians",
    "ravel",
    "real",
    "reciprocal",
    "remainder",
    "render",
    "report",
    "reshape",
    "right_shift",
    "rint",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sliding_window_view",
    "sort",
    "spacing",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "topk",
    "transpose",
    "true_divide",
    "trunc",
    "value_and_grad",
    "var",
    "vjp",
    "where",
    "zeros",
    "zeros_like",
]

public(globals(), __all__)

_LATER = {
    "CSV": "training.tables",
    "Callback": "training.callbacks",
    "Drawing": "viz.drawing",
    "History": "training.history",
    "StopTraining": "training.callbacks",
    "TensorBoard": "training.callbacks",
    "Trainer": "training.trainer",
    "check_gradients": "runtime.check_gradients",
    "datasets": "",
    "metrics": "",
    "minimize": "fullbatch.minimize",
    "optim": "",
    "render": "viz.drawing",
    "report": "viz.report",
}
"""The module in which each public name is found that is imported when first named; none
for those that are modules themselves."""

# A type checker takes a function of this name as word that every name exists.
if not TYPE_CHECKING:
    _without = getattr_of(__name__, __all__)

    def __getattr__(name: str) -> object:
        """Import what is named for the first time."""
        if name not in _LATER:
            return _without(name)
        module = _LATER[name]
        if not module:
            return import_module(f"{__name__}.{name}")
        value = getattr(import_module(f"{__name__}.{module}"), name)
        globals()[name] = value
        return value
