"""Functions with known minima, and the path of a run."""

from __future__ import annotations

from typing import Any

import graphc as gc


def rosenbrock(start: Any = (-1.2, 1.0)) -> Any:
    w = gc.parameter("w", (2,), start, "float64")
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def beale(start: Any = (1.0, 1.0)) -> Any:
    w = gc.parameter("w", (2,), start, "float64")
    x, y = w[0], w[1]
    return (
        (1.5 - x + x * y) ** 2
        + (2.25 - x + x * y**2) ** 2
        + (2.625 - x + x * y**3) ** 2
    )
