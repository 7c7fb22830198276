"""Source of the incomplete gamma functions in NumPy, for programs that use them.

Sources: Press et al. 2007, "Numerical recipes", section 6.2 (series and continued
fraction); Moore 1982, "Algorithm AS 187: derivatives of the incomplete gamma integral";
Temme 1979, "The asymptotic expansion of the incomplete gamma functions" (large a).
"""

LARGE_GAMMA = '''
# fmt: off
TEMME = (
    (-1.8540622107151599e-06, -2.1854485106799922e-06, 3.9192631785224378e-05,
     -0.00017875514403292181, 0.0003527336860670194, 0.0011574074074074074,
     -0.014814814814814815, 0.08333333333333333, -0.3333333333333333),
    (0.00020576131687242798, -0.00099022633744855967, 0.0026455026455026455,
     -0.0034722222222222222, -0.0018518518518518519),
    (0.00077160493827160494, -0.0026813271604938272, 0.0041335978835978836),
)
# fmt: on


def temme_parts(a, x):
    """For a from 1e6 on: `x / a - 1`, its deviation eta, the factor of both functions,
    and the sum that corrects the normal distribution.
    """
    shift = (x - a) / a
    near = np.clip(shift, -0.1, 0.1)
    series = 0.0
    for k in range(18, 1, -1):
        series = (1.0 / k if k % 2 == 0 else -1.0 / k) + near * series
    far = shift - np.log1p(np.maximum(shift, -1.0))
    half = np.where(np.abs(shift) < 0.1, near**2 * series, far)
    eta = np.copysign(np.sqrt(2.0 * half), shift)
    small = np.clip(eta, -0.1, 0.1)
    first, second, third = (np.polyval(terms, small) for terms in TEMME)
    return shift, eta, np.exp(-a * half), first + second / a + third / a**2


def incomplete_gamma_of_large(a, x):
    """Regularized incomplete gamma functions for a from 1e6 on."""
    _, eta, factor, correction = temme_parts(a, x)
    size = np.minimum(np.abs(eta) * np.sqrt(0.5 * a), 1e8)
    correction = np.where(eta < 0.0, -correction, correction)
    tail = factor * (0.5 * scaled_erfc(size) + correction / np.sqrt(2.0 * np.pi * a))
    return np.where(eta < 0.0, tail, 1.0 - tail), np.where(eta < 0.0, 1.0 - tail, tail)
'''

GAMMA_TERM = '''
def gamma_term(a, x):
    """`x**a * exp(-x) / gamma(a + 1)`, by Stirling's formula for a from 3 on."""
    shift = (x - a) / a
    logarithm = np.where(shift > -0.5, np.log1p(shift), np.log(x / a))
    large = np.exp(a * (logarithm - shift) - beyond_stirling(a))
    small = np.exp(a * np.log(x) - x - gammaln(a + 1.0))
    return np.where(a < 3.0, small, large / np.sqrt(2.0 * np.pi * a))
'''

INCOMPLETE_GAMMA = '''
def incomplete_gamma(a, x):
    """Regularized incomplete gamma functions, the lower and the upper one.

    A series where `x < a + 1`, and a continued fraction beyond.
    """
    is_outside = (a < 0.0) | (x < 0.0) | ((a == x) & ((a == 0.0) | (a == np.inf)))
    a, x = np.where(is_outside, np.nan, a), np.where(is_outside, np.nan, x)
    # Both of the following take more terms the larger a is.
    is_large, all_a = a > 1e6, a
    of_large = incomplete_gamma_of_large(np.maximum(a, 1e6), x)
    a = np.where(is_large, np.nan, a)
    is_low = x < a + 1.0
    below, above = np.where(is_low, x, 0.0), np.where(is_low, a + 2.0, x)
    total = term = np.ones_like(x)
    step = a
    while np.any(term > 1e-17 * total):
        step = step + 1.0
        term = term * (below / step)
        total = total + term
    lower = gamma_term(a, below) * total
    # Lentz's method
    bottom = above + 1.0 - a
    c, d = np.full_like(x, np.inf), 1.0 / bottom
    fraction, change, k = d, d, 0
    while np.any(change != 1.0):
        k += 1
        top = -k * (k - a)
        bottom = bottom + 2.0
        d, c = 1.0 / (top * d + bottom), bottom + top / c
        # No more changes that are rounding alone.
        change = np.where(np.abs(c * d - 1.0) > 5e-16, c * d, 1.0)
        fraction = fraction * change
    upper = gamma_term(a, above) * a * fraction
    # Where both are small, the upper one is no difference from 1.
    power = a * np.log(below) - gammaln_below_3(np.minimum(a, 1.0))
    series, factor = 0.0, 1.0
    for k in range(1, 25):
        factor = factor * -below / k
        series = series + factor / (a + k)
    tiny = -np.expm1(power) - np.exp(power) * a * series
    complement = np.where((a < 1.0) & (x < 1.0), tiny, 1.0 - lower)
    lower = np.where(is_low, lower, 1.0 - upper)
    upper = np.where(is_low, complement, upper)
    lower = np.where(is_large, of_large[0], lower)
    upper = np.where(is_large, of_large[1], upper)
    a = all_a
    is_zero, is_one = (x == 0.0) | (a == np.inf), (x == np.inf) | (a == 0.0)
    lower = np.where(is_zero, 0.0, np.where(is_one, 1.0, lower))
    upper = np.where(is_zero, 1.0, np.where(is_one, 0.0, upper))
    is_number = ~(np.isnan(a) | np.isnan(x))
    return np.where(is_number, lower, np.nan), np.where(is_number, upper, np.nan)


@in_float64
def gammainc(a, x):
    """Regularized lower incomplete gamma function."""
    return incomplete_gamma(a, x)[0]


@in_float64
def gammaincc(a, x):
    """Regularized upper incomplete gamma function."""
    return incomplete_gamma(a, x)[1]
'''

GAMMAINC_BY_A = '''
@in_float64
def gammainc_by_a(n, a, x):
    """Derivative of order n of the lower incomplete gamma function by a.

    That of its series, term by term; beyond it the function is 1 to 1e-25. For a from
    1e6 on that of Temme's expansion, and NaN for higher orders.
    """
    n = int(n)
    is_large, all_a, all_x = a > 1e6, a, x
    a = np.where(is_large, np.nan, a)
    is_near = x < a + 12.0 * np.sqrt(a) + 60.0
    x = np.where(is_near & (x > 0.0), x, np.nan)
    # Taylor's coefficients of the logarithm of a term
    logarithms = [np.log(x) - digamma(a + 1.0)]
    for k in range(1, n):
        factorial = np.prod(np.arange(1.0, k + 2.0))
        logarithms.append(-polygamma(float(k), a + 1.0) / factorial)
    total, term, step = np.zeros_like(x), gamma_term(a, x), a
    while True:
        taylor = [1.0]
        for k in range(1, n + 1):
            parts = (i * logarithms[i - 1] * taylor[k - i] for i in range(1, k + 1))
            taylor.append(sum(parts) / k)
        added = term * taylor[n]
        total = total + added
        if not np.any((np.abs(added) > 1e-17 * np.abs(total)) | (step < x)):
            break
        step = step + 1.0
        term = term * (x / step)
        for k in range(n):
            sign = -1.0 if k % 2 else 1.0
            logarithms[k] = logarithms[k] - sign / ((k + 1.0) * step ** (k + 1.0))
    total = total * np.prod(np.arange(1.0, n + 1))
    total = np.where(np.isnan(x) & ~np.isnan(a), 0.0, total)
    large = np.nan
    if n == 1:
        bounded = np.maximum(all_a, 1e6)
        shift, eta, factor, correction = temme_parts(bounded, all_x)
        logarithm = np.log1p(np.maximum(shift, -1.0))
        is_middle = eta == 0.0
        safe = np.where(is_middle, 1.0, eta)
        slope = np.where(is_middle, 1.0, shift / safe) / 12.0
        large = -np.where(is_middle, 1.0, logarithm / safe) - logarithm * correction
        large = large + (0.5 * correction + slope) / bounded
        large = np.where(factor > 0.0, large, 0.0) * factor
        large = large / np.sqrt(2.0 * np.pi * bounded)
        large = np.where(np.isinf(all_a) & ~np.isnan(all_x), 0.0, large)
    return np.where(is_large, large, total)
'''

GAMMAINCINV = '''
@in_float64
def gammaincinv(a, y):
    """Inverse of the lower incomplete gamma function, by Newton's method.

    Its logarithm is a concave function of that of x, so that steps go one way.
    """
    a, y = np.broadcast_arrays(a, y)
    # Wilson and Hilferty's normal approximation, or the first term of the series
    t = np.sqrt(-2.0 * np.log(np.minimum(y, 1.0 - y)))
    n = t - (2.30753 + 0.27061 * t) / (1.0 + t * (0.99229 + t * 0.04481))
    root = 1.0 - 1.0 / (9.0 * a) + np.where(y < 0.5, -n, n) / (3.0 * np.sqrt(a))
    first = (np.log(y) + gammaln(a + 1.0)) / a
    is_normal = (a > 1.0) & (root > 0.3)
    logarithm = np.where(is_normal, np.log(a) + 3.0 * np.log(root), first)
    for k in range(100):
        x = np.exp(logarithm)
        value = gammainc(a, x)
        step = value / (a * gamma_term(a, x)) * (np.log(y) - np.log(value))
        step = np.where((step > 0.0) | (k == 0), step, 0.0)
        logarithm = logarithm + step
        if not np.any(np.abs(step) > 1e-15 * (1.0 + np.abs(logarithm))):
            break
    x = np.where(y == 1.0, np.inf, np.exp(logarithm))
    x = np.where((y < 0.0) | (y > 1.0) | ~(a > 0.0), np.nan, x)
    return np.where((y == 0.0) & (a >= 0.0), 0.0, x)
'''
