"""Random draws under the names of `np.random.Generator`, and some of `jax.random`.

Each is drawn anew in every run, in training and in evaluation. A draw takes its numbers
from a stream of its own, which starts from the seed of the program and the name of the
draw: `name`, where it is given, else one after the node that the draw is for, such as
`mean.normal`, or after the function alone. Of several that want one name, those
declared later get numbers: `normal_2`. What a stream yields does not depend on other
draws, on passes or on the style.

`normal`, `uniform` and all others of continuous numbers have gradients by their
location, scale and shape: they are these applied to a standard draw.
"""

from ..arguments import public
from ..ops.choices import bernoulli, categorical, choice, integers, permutation
from ..ops.distributions import (
    exponential,
    gumbel,
    laplace,
    logistic,
    lognormal,
    multivariate_normal,
    normal,
    random,
    standard_exponential,
    standard_normal,
    truncated_normal,
    uniform,
)
from ..ops.gamma_draws import (
    beta,
    chisquare,
    dirichlet,
    gamma,
    geometric,
    pareto,
    power,
    rayleigh,
    standard_cauchy,
    standard_gamma,
    standard_t,
    weibull,
)

__all__ = [
    "bernoulli",
    "beta",
    "categorical",
    "chisquare",
    "choice",
    "dirichlet",
    "exponential",
    "gamma",
    "geometric",
    "gumbel",
    "integers",
    "laplace",
    "logistic",
    "lognormal",
    "multivariate_normal",
    "normal",
    "pareto",
    "permutation",
    "power",
    "random",
    "rayleigh",
    "standard_cauchy",
    "standard_exponential",
    "standard_gamma",
    "standard_normal",
    "standard_t",
    "truncated_normal",
    "uniform",
    "weibull",
]

public(globals(), __all__)
