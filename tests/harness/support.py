"""States of programs, to compare."""

from __future__ import annotations

from typing import Any

import numpy as np


def start(module: Any, seed: int = 0) -> tuple[Any, Any]:
    parameters = module.init_parameters(seed)
    return parameters, module.init_state(parameters, seed)


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(
        a[n].dtype == b[n].dtype and a[n].tobytes() == b[n].tobytes() for n in a
    )


def copies(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in arrays.items()}
