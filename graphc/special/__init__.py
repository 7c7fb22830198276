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
from ..ops.special.orthogonal import (
    eval_chebyt,
    eval_chebyu,
    eval_hermite,
    eval_hermitenorm,
    eval_laguerre,
    eval_legendre,
)
from ..ops.special.powers import (
    binom,
    boxcox,
    boxcox1p,
    cosm1,
    exprel,
    gammasgn,
    inv_boxcox,
    inv_boxcox1p,
    poch,
    powm1,
    rgamma,
)
from ..ops.special.robust import huber, pseudo_huber
from ..ops.special.sinc import sinc
from .networks import expit, log_expit, log_softmax, softmax

__all__ = [
    "beta",
    "betaln",
    "binom",
    "boxcox",
    "boxcox1p",
    "cbrt",
    "cosm1",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "eval_chebyt",
    "eval_chebyu",
    "eval_hermite",
    "eval_hermitenorm",
    "eval_laguerre",
    "eval_legendre",
    "exp2",
    "expit",
    "expm1",
    "exprel",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammaincinv",
    "gammaln",
    "gammasgn",
    "huber",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "inv_boxcox",
    "inv_boxcox1p",
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
    "poch",
    "polygamma",
    "powm1",
    "pseudo_huber",
    "psi",
    "rel_entr",
    "rgamma",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "y0",
    "y1",
    "zeta",
]

public(globals(), __all__)
