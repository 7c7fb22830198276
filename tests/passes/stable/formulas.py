"""Textbook formulas that overflow or cancel, with what they are exactly."""

from collections.abc import Callable

import mpmath
import numpy as np

import graphc as gc
from graphc.ir import Node

POINTS = [
    -1000.0,
    -104.0,
    -88.0,
    -20.0,
    -1.0,
    -1e-6,
    0.0,
    1e-6,
    0.5,
    17.0,
    90.0,
    1000.0,
]

SMALL, LARGE = 2.0**-30, 2.0**100


def sigmoid(x: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-x))


GELU_1 = float(np.sqrt(2 / np.pi))


def gelu_slope(x: mpmath.mpf) -> mpmath.mpf:
    cubic = mpmath.mpf("0.044715")
    inner = 2 * GELU_1 * (x + cubic * x**3)
    bend = 2 * GELU_1 * (1 + 3 * cubic * x**2)
    return sigmoid(inner) * (1 + x * sigmoid(-inner) * bend)


# Each formula with its value and derivative in arithmetic of any precision.
FORMULAS: dict[str, tuple[Callable, Callable, Callable]] = {
    "log(1/(1+exp(-x)))": (
        lambda x: gc.log(1 / (1 + gc.exp(-x))),
        lambda x: mpmath.log(sigmoid(x)),
        lambda x: sigmoid(-x),
    ),
    "log(exp(x)/(1+exp(x)))": (
        lambda x: gc.log(gc.exp(x) / (1 + gc.exp(x))),
        lambda x: mpmath.log(sigmoid(x)),
        lambda x: sigmoid(-x),
    ),
    "log(sigmoid(x))": (
        lambda x: gc.log(gc.nn.sigmoid(x)),
        lambda x: mpmath.log(sigmoid(x)),
        lambda x: sigmoid(-x),
    ),
    "log(1-sigmoid(x))": (
        lambda x: gc.log(1 - gc.reciprocal(gc.exp(-x) + 1)),
        lambda x: mpmath.log(sigmoid(-x)),
        lambda x: -sigmoid(x),
    ),
    "log(1+-p)": (
        lambda x: gc.log(1 + -gc.nn.sigmoid(x)),
        lambda x: mpmath.log(sigmoid(-x)),
        lambda x: -sigmoid(x),
    ),
    "log(1+exp(x))": (
        lambda x: gc.log(1 + gc.exp(x)),
        lambda x: mpmath.log(1 + mpmath.exp(x)),
        sigmoid,
    ),
    "log1p(exp(x))": (
        lambda x: gc.log1p(gc.exp(x)),
        lambda x: mpmath.log(1 + mpmath.exp(x)),
        sigmoid,
    ),
    "1/(1+exp(-x))": (
        lambda x: 1 / (1 + gc.exp(-x)),
        sigmoid,
        lambda x: sigmoid(x) * sigmoid(-x),
    ),
    "(1+exp(-x))**-1": (
        lambda x: (1 + gc.exp(-x)) ** -1,
        sigmoid,
        lambda x: sigmoid(x) * sigmoid(-x),
    ),
    "exp(x)/(1+exp(x))": (
        lambda x: gc.exp(x) / (gc.exp(x) + 1),
        sigmoid,
        lambda x: sigmoid(x) * sigmoid(-x),
    ),
    "log(1+x/2**30)": (
        lambda x: gc.log(1 + x * SMALL),
        lambda x: mpmath.log(1 + x * SMALL),
        lambda x: SMALL / (1 + x * SMALL),
    ),
    "log(1-x/2**30)": (
        lambda x: gc.log(1 - x * SMALL),
        lambda x: mpmath.log(1 - x * SMALL),
        lambda x: -SMALL / (1 - x * SMALL),
    ),
    "exp(x/2**30)-1": (
        lambda x: gc.exp(x * SMALL) - 1,
        lambda x: mpmath.expm1(x * SMALL),
        lambda x: SMALL * mpmath.exp(x * SMALL),
    ),
    "sqrt(x**2)": (lambda x: gc.sqrt(x**2), abs, mpmath.sign),
    "sqrt((2**100*x)*(2**100*x))": (
        lambda x: gc.sqrt((LARGE * x) * (LARGE * x)),
        lambda x: abs(LARGE * x),
        lambda x: LARGE * mpmath.sign(x),
    ),
    "tanh by exponentials": (
        lambda x: (gc.exp(x) - gc.exp(-x)) / (gc.exp(x) + gc.exp(-x)),
        mpmath.tanh,
        lambda x: mpmath.sech(x) ** 2,
    ),
    "tanh by exponentials of -1 * x": (
        lambda x: (gc.exp(x) - gc.exp(-1 * x)) / (gc.exp(-1 * x) + gc.exp(x)),
        mpmath.tanh,
        lambda x: mpmath.sech(x) ** 2,
    ),
    "x*(1+tanh(x))/2": (
        lambda x: x * (1 + gc.tanh(x)) / 2,
        lambda x: x * sigmoid(2 * x),
        lambda x: sigmoid(2 * x) * (1 + 2 * x * sigmoid(-2 * x)),
    ),
    "GELU by tanh": (
        lambda x: 0.5 * x * (1 + gc.tanh(GELU_1 * (x + 0.044715 * x**3))),
        lambda x: x * sigmoid(2 * GELU_1 * (x + mpmath.mpf("0.044715") * x**3)),
        lambda x: gelu_slope(x),
    ),
    "log(exp(x))": (lambda x: gc.log(gc.exp(x)), lambda x: x, lambda x: mpmath.mpf(1)),
    "log(exp(x)+3)": (
        lambda x: gc.log(gc.exp(x) + 3.0),
        lambda x: mpmath.log(mpmath.exp(x) + 3),
        lambda x: mpmath.exp(x) / (mpmath.exp(x) + 3),
    ),
    "log(sqrt(p)*(1-p)/2)": (
        lambda x: gc.log(gc.sqrt(gc.nn.sigmoid(x)) * (1 - gc.nn.sigmoid(x)) / 2),
        lambda x: mpmath.log(mpmath.sqrt(sigmoid(x)) * sigmoid(-x) / 2),
        lambda x: sigmoid(-x) / 2 - sigmoid(x),
    ),
}


# Softmax, as textbooks write it

SOFTMAX: dict[str, Callable[[Node], Node]] = {
    "keepdims": lambda x: gc.exp(x) / gc.sum(gc.exp(x), axis=1, keepdims=True),
    "new axis": lambda x: gc.exp(x) / gc.exp(x).sum(axis=1)[:, None],
    "reshape": lambda x: gc.exp(x) / gc.exp(x).sum(axis=1).reshape(-1, 1),
    "transposed": lambda x: (gc.exp(x).T / gc.exp(x).sum(axis=1)).T,
    "inverse": lambda x: gc.exp(x) * (1 / gc.exp(x).sum(axis=1, keepdims=True)),
    "block": lambda x: gc.nn.softmax(x, 1),
    "shifted": lambda x: (
        gc.exp(x - x.max(axis=1, keepdims=True))
        / gc.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
    ),
}
PICK: dict[str, Callable[[Node, Node], Node]] = {
    "take_along_axis": lambda p, y: gc.take_along_axis(p, y[:, None], 1),
    "index arrays": lambda p, y: p[np.arange(6), y],
    "one-hot sum": lambda p, y: p,
}
