"""graphc: symbolic computation graphs, compiled to readable NumPy programs."""

from . import datasets, errors, nn, optim
from .autodiff import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .checking import check_gradients
from .compiler import compile  # noqa: A004
from .ir import Dim, Node
from .nn import init
from .nn.parameter import parameter
from .ops.arithmetic import (
    abs,  # noqa: A004
    absolute,
    add,
    cbrt,
    ceil,
    clip,
    divide,
    floor,
    floor_divide,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    reciprocal,
    remainder,
    rint,
    sign,
    sqrt,
    square,
    subtract,
    where,
)
from .ops.comparison import (
    equal,
    greater,
    greater_equal,
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
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cos,
    cosh,
    exp,
    exp2,
    expm1,
    hypot,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    sin,
    sinh,
    tan,
    tanh,
)
from .ops.indexing import take, take_along_axis
from .ops.linalg import dot, matmul, outer
from .ops.random import bernoulli
from .ops.reduction import (
    argmax,
    argmin,
    max,  # noqa: A004
    mean,
    min,  # noqa: A004
    prod,
    std,
    sum,  # noqa: A004
    var,
)
from .ops.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    moveaxis,
    ravel,
    reshape,
    squeeze,
    stack,
    swapaxes,
    transpose,
)
from .ops.source import (
    astype,
    constant,
    full,
    input,  # noqa: A004
    ones,
    ones_like,
    stop_gradient,
    zeros,
    zeros_like,
)
from .runtime.history import History
from .runtime.interpreter import evaluate, interpret
from .trainer import Trainer
from .viz.drawing import Drawing, render
from .viz.report import report

__version__ = "0.1.0"
