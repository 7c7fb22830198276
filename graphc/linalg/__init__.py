"""Linear algebra under the names of `numpy.linalg`, and some of `scipy.linalg`."""

from ..arguments import public
from ..ops.decompositions import cholesky, eig, eigh, eigvals, eigvalsh, qr
from ..ops.determinants import det, logdet, slogdet
from ..ops.least_squares import lstsq, tensorinv, tensorsolve
from ..ops.linalg import matmul
from ..ops.matrix_functions import expm, matrix_power
from ..ops.norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from ..ops.reshaping import matrix_transpose
from ..ops.singular_values import pinv, svd, svdvals
from ..ops.solving import cho_solve, inv, solve, solve_triangular
from ..ops.tensor_products import cross, multi_dot, outer, tensordot, vecdot
from .of_stacks import diagonal, trace

__all__ = [
    "cho_solve",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "expm",
    "inv",
    "logdet",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]

public(globals(), __all__)
