"""Source of Bessel functions of both kinds in NumPy, for programs that use them.

Up to 8 they are polynomials in `x**2/32 - 1`, those of the second kind besides a
logarithm; beyond, a modulus and a phase that are polynomials in `128/x**2 - 1`, as in
Hankel's expansion. All coefficients were computed with mpmath, by interpolation at
Chebyshev points with 60 digits. Errors are a few units in the last place of the
amplitude, `sqrt(2 / (pi * x))`.
"""

HANKEL = '''
def far_bessel(p, q, x, cosine, sine):
    """Hankel's form of a Bessel function for x from 8 on, by its phase."""
    t = 128.0 / (x * x) - 1.0
    wave = np.polyval(p, t) * cosine - np.polyval(q, t) / x * sine
    return np.where(x == np.inf, 0.0, np.sqrt(1.0 / (np.pi * x)) * wave)
'''

J0 = '''
# fmt: off
J0 = (
    4.0030437640628113e-13, -1.2433011305498057e-11, 3.363450456866669e-10,
    -7.915323084479192e-09, 1.5956109057781304e-07, -2.7177492236298073e-06,
    3.8473197856340086e-05, -0.000443545922431152, 0.004058078989140805,
    -0.028472718610882044, 0.14598884856759267, -0.5074680458471, 1.0383794611437211,
    -0.8080888076696872, -0.6484692830871837, 0.9303012472958572, 0.04582966485981377,
)
# fmt: on

# fmt: off
P0 = (
    -9.956789357075715e-14, 3.4522133160706755e-13, -1.0238327024264009e-12,
    4.674986189266031e-12, -2.490341621088381e-11, 1.5506348898107537e-10,
    -1.212113319927827e-09, 1.2803747958820875e-08, -2.052744819908975e-07,
    6.13741608125692e-06, -0.000536367319212998, 0.9994572757882519,
)
# fmt: on

# fmt: off
Q0 = (
    7.660588700004678e-13, -2.4959955008932025e-12, 6.607770877051606e-12,
    -2.7923981952762326e-11, 1.3641381507528205e-10, -7.580593880943547e-10,
    5.146189381541954e-09, -4.5349625953814164e-08, 5.684971918787548e-07,
    -1.1817110670086365e-05, 0.0005466519279474679, -0.12444091103610802,
)
# fmt: on


@in_float64
def j0(x):
    """Bessel function of the first kind of order 0."""
    size = np.abs(x)
    sine, cosine = np.sin(size), np.cos(size)
    far = far_bessel(P0, Q0, size, cosine + sine, sine - cosine)
    return np.where(size < 8.0, np.polyval(J0, size * size / 32.0 - 1.0), far)
'''

J1 = '''
# fmt: off
J1 = (
    -4.0037632815796753e-13, 1.1658971884036515e-11, -2.943016833829492e-10,
    6.43119017895857e-09, -1.196708182234105e-07, 1.8684526037182737e-06,
    -2.404574866003479e-05, 0.00024949458135972767, -0.0020290394945704573,
    0.012456814392263375, -0.05474581821284725, 0.15858376432721838,
    -0.2595948652859303, 0.15151665143806636, 0.08105866038589796, -0.05814382795599107,
)
# fmt: on

# fmt: off
P1 = (
    1.0611465423215105e-13, -3.6942891113569033e-13, 1.104039648785332e-12,
    -5.072230977922283e-12, 2.722599260495964e-11, -1.7137215568191013e-10,
    1.360300632416571e-09, -1.4708498675907175e-08, 2.4536766267949663e-07,
    -7.959694699656698e-06, 0.0008988049416705508, 1.0009070262780821,
)
# fmt: on

# fmt: off
Q1 = (
    -8.143505271269731e-13, 2.6631204358691402e-12, -7.101699032519032e-12,
    3.017315972619892e-11, -1.4835480609458966e-10, 8.320596653849234e-10,
    -5.7208462898679e-09, 5.1360951418540506e-08, -6.633568600166279e-07,
    1.4569614819268144e-05, -0.0007697167057643086, 0.3742149922195917,
)
# fmt: on


@in_float64
def j1(x):
    """Bessel function of the first kind of order 1."""
    size = np.abs(x)
    sine, cosine = np.sin(size), np.cos(size)
    far = far_bessel(P1, Q1, size, sine - cosine, -cosine - sine)
    near = x * np.polyval(J1, size * size / 32.0 - 1.0)
    return np.where(size < 8.0, near, np.copysign(1.0, x) * far)
'''

JN = '''
@in_float64
def jn(n, x):
    """Bessel function of the first kind of order n from 2 on.

    Its series where `abs(x)` is below n, and its recurrence beyond.
    """
    series = term = (0.5 * x) ** n / np.prod(np.arange(1.0, n + 1.0))
    for k in range(1, 60):
        term = term * (-0.25 * x * x / (k * (k + n)))
        series = series + term
    lower, upper = j0(x), j1(x)
    for order in range(1, int(n)):
        lower, upper = upper, 2.0 * order / x * upper - lower
    return np.where(np.abs(x) < n, series, np.where(np.isinf(x), 0.0, upper))
'''

Y0 = '''
# fmt: off
Y0 = (
    -7.072040467666367e-13, 2.144060728780127e-11, -5.646274219857137e-10,
    1.2898070899326986e-08, -2.5144106942967546e-07, 4.1220543483544705e-06,
    -5.5818304627794554e-05, 0.0006104345643799227, -0.005235027670798652,
    0.03380285696399606, -0.15453679652310562, 0.4482460446356314, -0.6193407826303358,
    -0.21245999442065944, 1.3609456599655456, -0.4179207423206952, -0.3620273432371452,
)
# fmt: on


@in_float64
def y0(x):
    """Bessel function of the second kind of order 0."""
    sine, cosine = np.sin(x), np.cos(x)
    far = far_bessel(P0, Q0, x, sine - cosine, -cosine - sine)
    near = 2.0 / np.pi * np.log(x / 2.0) * j0(x) + np.polyval(Y0, x * x / 32.0 - 1.0)
    return np.where(x < 8.0, near, far)
'''

Y1 = '''
# fmt: off
Y1 = (
    6.991420949733099e-13, -1.9850545830630388e-11, 4.87102633859335e-10,
    -1.0315248361331402e-08, 1.8524201757414394e-07, -2.7765056994287677e-06,
    3.406363375379881e-05, -0.0003337225700557422, 0.0025271340466825557,
    -0.014131923394262674, 0.05439011630794635, -0.12641995056569705,
    0.12052035426888161, 0.09022750636730927, -0.20760857842830602, 0.04510266206869483,
)
# fmt: on


@in_float64
def y1(x):
    """Bessel function of the second kind of order 1."""
    sine, cosine = np.sin(x), np.cos(x)
    far = far_bessel(P1, Q1, x, -cosine - sine, cosine - sine)
    near = 2.0 / np.pi * (np.log(x / 2.0) * j1(x) - 1.0 / x)
    near = near + x * np.polyval(Y1, x * x / 32.0 - 1.0)
    return np.where(x < 8.0, np.where(x == 0.0, -np.inf, near), far)
'''
