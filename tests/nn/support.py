"""Helpers that tests of blocks share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gc


@contextlib.contextmanager
def no_floating_point_warning(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Raise where NumPy would warn; the interpreter itself keeps NumPy quiet."""
    strict = np.errstate(over="raise", invalid="raise", divide="raise")
    with strict, monkeypatch.context() as patch:
        patch.setattr(np, "errstate", lambda **_: contextlib.nullcontext())
        yield


def gradients(output: Any, wrt: Any, feeds: Any, cotangent: Any = None) -> Any:
    """Values of the gradients of an output, or of its products with a cotangent."""
    if cotangent is None:
        cotangent = np.ones((), output.dtype)
    return gc.evaluate(gc.vjp(output, wrt, cotangent), feeds)


def numeric_gradient(function: Any, x: Any, step: float = 1e-6) -> Any:
    """The gradient of a scalar function of an array, by central differences."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (function(up) - function(down)) / (2 * step)
    return gradient
