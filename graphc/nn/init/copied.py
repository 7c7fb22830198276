"""Functions that draw parameters, copied into the emitted programs that need them.

A program that needs one of them contains its very text, above `init_parameters`; the
runtime executes the same text. So they use nothing but NumPy and the standard library,
and `source_of` names the modules that they need from the latter.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable

import numpy as np


def truncated_normal(
    rng: np.random.Generator,
    mean: float,
    std: float,
    low: float,
    high: float,
    shape: tuple[int, ...],
) -> np.ndarray:
    """Draw from a Gaussian between two bounds: the inverse of its distribution."""
    # Imported where it is used, because importing it takes long.
    from statistics import NormalDist

    if low > mean:
        # Small probabilities are exact in the lower tail only: draw the mirror image.
        bounds = (2.0 * mean - high, 2.0 * mean - low)
        mirrored = truncated_normal(rng, mean, std, *bounds, shape)
        return (2.0 * mean - mirrored).clip(low, high)
    scale = std * math.sqrt(2.0)
    first, last = (0.5 * math.erfc((mean - bound) / scale) for bound in (low, high))
    # The inverse is infinite at 0 and at 1.
    probabilities = rng.uniform(first, last, shape).clip(1e-300, 1.0 - 1e-16)
    quantile = NormalDist(mean, std).inv_cdf
    draws = [quantile(probability) for probability in probabilities.ravel().tolist()]
    return np.array(draws).reshape(shape).clip(low, high)


def orthogonal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Draw a matrix of orthonormal rows or columns, whichever are fewer."""
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    # With the signs of r's diagonal no rotation is likelier than another.
    q = q * np.sign(np.diag(r))
    return np.ascontiguousarray(q if rows >= columns else q.T)


def dirac(shape: tuple[int, ...], groups: int) -> np.ndarray:
    """Convolution weights that pass channels on unchanged: 1 amid each kernel."""
    weight = np.zeros(shape)
    outputs = shape[0] // groups
    centre = tuple(size // 2 for size in shape[2:])
    for channel in range(min(outputs, shape[1])):
        # The same channel of each group.
        weight[(slice(channel, None, outputs), channel, *centre)] = 1.0
    return weight


_IMPORTS = {"truncated_normal": ("import math",)}


@functools.cache
def source_of(function: Callable[..., np.ndarray]) -> str:
    """The text of one of the functions above, after the imports that it needs.

    >>> print(source_of(orthogonal).splitlines()[0])
    def orthogonal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """
    imports = _IMPORTS.get(function.__name__, ())
    return "\n".join((*imports, inspect.getsource(function)))
