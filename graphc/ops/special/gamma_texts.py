"""Source of the gamma function and its kin in NumPy, for programs that use them.

Between 1 and 3, `gammaln(x) / ((x - 1) * (x - 2))` is a polynomial in `15/(x + 2) - 4`;
beyond, Stirling's series is one in `18/x**2 - 1`, whose coefficients also serve where
the series itself does not converge yet. All coefficients were computed with mpmath, by
interpolation at Chebyshev points with 60 digits. Errors are a few units in the last
place, of negative arguments relative to the terms of the reflection formula.
"""

GAMMALN_PARTS = '''
# fmt: off
GAMMALN = (
    5.9610990990920675e-12, 2.207927380924686e-11, 5.274567537677841e-11,
    1.9791138336837198e-10, 7.872525278962194e-10, 2.9866314270837198e-09,
    1.0998626946377788e-08, 4.247733235477159e-08, 1.5792139569020782e-07,
    6.262136059547887e-07, 2.3331731195801214e-06, 9.653470893454801e-06,
    3.59309001337359e-05, 0.00016052245240193034, 0.0005910792119872845,
    0.003136202028759127, 0.011125802430273918, 0.11201398746116518, 0.4501393121092563,
)
# fmt: on

# fmt: off
STIRLING = (
    -1.9592427077600295e-14, 7.476397493696124e-14, -2.570054291019059e-13,
    1.2801191081419294e-12, -7.403531081032152e-12, 5.0229677165425716e-11,
    -4.2388139437325853e-10, 4.741689138100035e-09, -7.748924281962512e-08,
    2.1834243385029594e-06, -0.00014970021836481406, 0.08318136697655197,
)
# fmt: on


def gammaln_below_3(x):
    """`log(gamma(x))` for x from 1 to 3, and `log(gamma(1 + x))` below 1."""
    from_1, from_2 = np.where(x < 1.0, (x, x - 1.0), (x - 1.0, x - 2.0))
    return from_1 * from_2 * np.polyval(GAMMALN, 15.0 / (from_1 + 3.0) - 4.0)


def beyond_stirling(x):
    """`log(gamma(x))` less Stirling's formula for it, for x from 3 on."""
    return np.polyval(STIRLING, 18.0 / (x * x) - 1.0) / x


def sin_pi(x):
    """`sin(pi * x)`, which is 0 for integers."""
    nearest = np.round(x)
    return np.sin(np.pi * (x - nearest)) * np.where(nearest % 2.0 == 0.0, 1.0, -1.0)
'''

GAMMALN = '''
@in_float64
def gammaln(x):
    """Logarithm of the absolute value of the gamma function."""
    size = np.abs(x)
    below = gammaln_below_3(size) - np.log(np.minimum(size, 1.0))
    above = (size - 0.5) * (np.log(size) - 1.0) + (0.5 * np.log(2.0 * np.pi) - 0.5)
    value = np.where(size < 3.0, below, above + beyond_stirling(size))
    reflected = np.log(np.pi / np.abs(x * sin_pi(x))) - value
    return np.where(x < 0.0, np.where(x == -np.inf, np.inf, reflected), value)
'''

GAMMA = '''
@in_float64
def gamma(x):
    """Gamma function; NaN for negative integers."""
    size = np.where(x < 0.0, -x, x)
    below = np.exp(gammaln_below_3(size)) / np.where(size < 1.0, size, 1.0)
    root = size ** (0.5 * size - 0.25)
    above = root * np.exp(-size) * root * np.sqrt(2.0 * np.pi)
    above = np.where(size > 180.0, np.inf, above * np.exp(beyond_stirling(size)))
    value = np.where(size < 3.0, below, above)
    sine = np.where(x == np.round(x), np.nan, sin_pi(x))
    return np.where(x < 0.0, -np.pi / (x * sine * value), value)
'''

DIGAMMA = '''
# fmt: off
DIGAMMA = (
    1.499129174685416e-11, 5.247559861446982e-11, 1.0493342733308586e-10,
    3.6735467536897887e-10, 1.462432049077317e-09, 5.120366887294841e-09,
    1.7689838279038414e-08, 6.195321993117997e-08, 2.1682833483450642e-07,
    7.59748533216271e-07, 2.6550023159379683e-06, 9.312329603675697e-06,
    3.2497415703891344e-05, 0.00011425696871862212, 0.00039749684494062783,
    0.0014079949241612173, 0.004869217540162462, 0.01787079116343893,
    0.061627921219231274, 0.305863713626349, 0.8581832171262995,
)
# fmt: on

# fmt: off
DIGAMMA_LARGE = (
    1.1634599691687607e-12, -4.598979591981715e-12, 1.7087486797169717e-11,
    -8.938852090732818e-11, 5.493677039424621e-10, -4.060443713701664e-09,
    3.843638102791703e-08, -5.044910989286474e-07, 1.0452186236021006e-05,
    -0.0004403669577446893, 0.08288196653982234,
)
# fmt: on


@in_float64
def digamma(x):
    """Derivative of `log(gamma(x))`; NaN for negative integers."""
    size = np.where(x < 0.0, -x, x)
    moved = np.where(size < 1.0, size + 1.0, size)
    # The root of digamma in two parts, and the quotient by the distance from it.
    distance = (moved - 1.4616321449683622) - 9.549995429965697e-17
    below = distance * np.polyval(DIGAMMA, 15.0 / (moved + 2.0) - 4.0)
    below -= np.where(size < 1.0, 1.0 / size, 0.0)
    square = size * size
    series = np.polyval(DIGAMMA_LARGE, 18.0 / square - 1.0) / square
    above = np.log(size) - 0.5 / size - series
    value = np.where(size < 3.0, below, np.where(size == np.inf, size, above))
    fraction = np.where(x == np.round(x), np.nan, x - np.round(x))
    reflected = value - 1.0 / x - np.pi / np.tan(np.pi * fraction)
    return np.where(x < 0.0, reflected, value)
'''

ZETA = '''
@in_float64
def zeta(s, q):
    """Hurwitz zeta function, the sum of `(q + k)**-s` over all k from 0 on, `q > 0`.

    Ten terms, and the Euler-Maclaurin formula for all others.
    """
    total = sum((q + k) ** -s for k in range(10))
    last = q + 10.0
    total += last ** (1.0 - s) / (s - 1.0) + 0.5 * last**-s
    term = s * last ** (-s - 1.0)
    # Bernoulli numbers over factorials: B_2 / 2!, B_4 / 4!, ...
    ratios = 12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1892437580.3183792
    for k, ratio in enumerate(ratios):
        total += term / ratio
        term *= (s + 2 * k + 1) * (s + 2 * k + 2) / (last * last)
    return np.where(q == np.inf, 0.0, np.where(q < 0.0, np.nan, total))
'''

POLYGAMMA = '''
@in_float64
def polygamma(n, x):
    """Derivative of order n of digamma, for n from 1 on."""
    factorial = np.prod(np.arange(1.0, n + 1.0))
    value = -((-1.0) ** n) * factorial * zeta(n + 1.0, np.where(x < 0.0, 1.0 - x, x))
    # Of order n, the derivative of cot(pi * x) is a polynomial in cot(pi * x).
    slope = np.poly1d([1.0, 0.0])
    for _ in range(int(n)):
        slope = np.poly1d([-np.pi, 0.0, -np.pi]) * slope.deriv()
    cotangent = 1.0 / np.tan(np.pi * (x - np.round(x)))
    reflected = (-1.0) ** n * value - np.pi * slope(cotangent)
    # Poles of odd order change sign.
    reflected = np.where(x == np.round(x), np.inf if n % 2 else np.nan, reflected)
    return np.where(x < 0.0, reflected, value)
'''

BETALN = '''
@in_float64
def betaln(a, b):
    """Logarithm of the absolute value of the beta function.

    `gammaln(a) + gammaln(b) - gammaln(a + b)`, with Stirling's formula written out
    where large terms cancel.
    """
    a, b = np.maximum(a, b), np.minimum(a, b)
    total = a + b
    power = (a - 0.5) * np.log1p(-b / total)
    rest = beyond_stirling(a) - beyond_stirling(total)
    small = gammaln(b) + power - b * np.log(total) + b + rest
    power += b * np.log(b / total) - 0.5 * np.log(b) + 0.5 * np.log(2.0 * np.pi)
    large = np.where(b < 3.0, small, power + beyond_stirling(b) + rest)
    plain = gammaln(a) + gammaln(b) - gammaln(total)
    return np.where((a < 3.0) | (total < 3.0), plain, large)
'''
