"""Changes of a loss held against integrals of its gradient, past corners of relu.

A difference quotient is wrong wherever a corner lies between its two points, and in a
deep network one nearly always does. The integral of the gradient along a short path is
the change of the loss, corners or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

_PIECES = 100
"""The most pieces that a path is cut into."""

_REACHES = (0.01, 0.1, 1.0)
"""Parts of the path: on a shorter one there are fewer corners, and more rounding."""


def path_error(
    look: Callable[[float], tuple[float, float]], noise: float, tolerance: float
) -> float:
    """The difference of a change and the integral of its slope, relative to either.

    The piece that differs most is halved again and again, which closes in on corners,
    but never makes a wrong slope fit.

    Args:
        look: the value at a place from -1 to 1, and the slope there.
        noise: a smaller change is rounding.
        tolerance: an error that is small enough.
    """
    gauss = list(zip(*np.polynomial.legendre.leggauss(4), strict=True))

    def measure(start: float, stop: float) -> tuple[float, float, float, float]:
        """The difference in a piece, its place, and the integral over it."""
        half, middle = (stop - start) / 2, (stop + start) / 2
        integral = half * sum(
            float(weight) * look(middle + half * float(place))[1]
            for place, weight in gauss
        )
        change = look(stop)[0] - look(start)[0]
        return abs(change - integral), start, stop, integral

    change, reach = 0.0, 0.0
    for reach in _REACHES:
        change = look(reach)[0] - look(-reach)[0]
        if abs(change) > 100 * noise / tolerance:
            break
    pieces = [measure(-reach, reach)]
    error = math.inf
    for _ in range(_PIECES):
        integral = sum(piece[3] for piece in pieces)
        size = max(abs(change), abs(integral), noise / tolerance)
        error = abs(change - integral) / size
        if error < tolerance / 10 or not math.isfinite(error):
            break
        _, start, stop, _ = pieces.pop(pieces.index(max(pieces)))
        middle = (start + stop) / 2
        pieces += [measure(start, middle), measure(middle, stop)]
    return error if math.isfinite(error) else math.inf
