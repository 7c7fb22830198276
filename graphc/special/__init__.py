"""Special functions under the names of `scipy.special`.

They are elementwise, with exact derivatives of any order. A program that uses one
carries the source of its function, whose error is a few units in the last place of
float64, in which it computes.
"""

from ..arguments import public
from ..ops.arithmetic import cbrt
from ..ops.exponential import exp2, expm1, log1p
from ..ops.log_sums import logsumexp
from ..ops.special.bessel import i0, i0e, i1, i1e
from ..ops.special.bessel_jy import j0, j1, y0, y1
from ..ops.special.bessel_k import k0, k0e, k1, k1e
from ..ops.special.error import (
    erf,
    erfc,
    erfcinv,
    erfcx,
    erfinv,
    log_ndtr,
    ndtr,
    ndtri,
)
from ..ops.special.gamma import (
    beta,
    betaln,
    digamma,
    gamma,
    gammaln,
    loggamma,
    multigammaln,
    polygamma,
    psi,
    zeta,
)
from ..ops.special.incomplete_gamma import gammainc, gammaincc, gammaincinv
from ..ops.special.information import entr, kl_div, rel_entr, xlog1py, xlogy
from ..ops.special.logistic import logit
from ..ops.special.robust import huber, pseudo_huber
from ..ops.special.sinc import sinc
from .networks import expit, log_expit, log_softmax, softmax

__all__ = [
    "beta",
    "betaln",
    "cbrt",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammaincinv",
    "gammaln",
    "huber",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "j0",
    "j1",
    "k0",
    "k0e",
    "k1",
    "k1e",
    "kl_div",
    "log1p",
    "log_expit",
    "log_ndtr",
    "log_softmax",
    "loggamma",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "pseudo_huber",
    "psi",
    "rel_entr",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "y0",
    "y1",
    "zeta",
]

public(globals(), __all__)
