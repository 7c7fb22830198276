"""Linear algebra under the names of `numpy.linalg`, and some of `scipy.linalg`."""

from ..arguments import public
from ..ops.decompositions import eigh, eigvalsh

__all__ = [
    "eigh",
    "eigvalsh",
]

public(globals(), __all__)
