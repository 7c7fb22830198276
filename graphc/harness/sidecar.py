"""Arrays in a file beside an emitted program."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any

import numpy as np

# --- imports above, copied into emitted programs below ---


# if sidecar
def load_arrays(name: str, digest: str) -> dict[str, Any]:
    """The arrays in a file that was written with this one, and must stand beside it."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest()[:16] != digest:
        raise ImportError(f"{path} was not written with {__file__}: emit both again")
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)


# end
