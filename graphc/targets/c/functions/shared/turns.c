// needs: shared/choose shared/fused
// |x| = (4 j + quadrant) pi/2 + high + low, |high| <= pi/4, for any finite x (Payne and
// Hanek): x is a whole number m times a power of 2, and of m * 2/pi only those bits
// count that are neither whole turns nor too small. They are taken from a table, in
// which each word of 64 bits starts 32 bits after the one before; 64 zeros stand before
// the bits of 2/pi. Below 1/2 nothing is taken away. Differences of quadrants are exact
// in whole numbers of 192 bits.

static const uint64_t TWO_OVER_PI[38] = {
    0x0000000000000000u, 0x00000000a2f9836eu, 0xa2f9836e4e441529u, 0x4e441529fc2757d1u,
    0xfc2757d1f534ddc0u, 0xf534ddc0db629599u, 0xdb6295993c439041u, 0x3c439041fe5163abu,
    0xfe5163abdebbc561u, 0xdebbc561b7246e3au, 0xb7246e3a424dd2e0u, 0x424dd2e006492eeau,
    0x06492eea09d1921cu, 0x09d1921cfe1deb1cu, 0xfe1deb1cb129a73eu, 0xb129a73ee88235f5u,
    0xe88235f52ebb4484u, 0x2ebb4484e99c7026u, 0xe99c7026b45f7e41u, 0xb45f7e413991d639u,
    0x3991d639835339f4u, 0x835339f49c845f8bu, 0x9c845f8bbdf9283bu, 0xbdf9283b1ff897ffu,
    0x1ff897ffde05980fu, 0xde05980fef2f118bu, 0xef2f118b5a0a6d1fu, 0x5a0a6d1f6d367ecfu,
    0x6d367ecf27cb09b7u, 0x27cb09b74f463f66u, 0x4f463f669e5fea2du, 0x9e5fea2d7527bac7u,
    0x7527bac7ebe5f17bu, 0xebe5f17b3d0739f7u, 0x3d0739f78a5292eau, 0x8a5292ea6bfb5fb1u,
    0x6bfb5fb11f8d5d08u, 0x1f8d5d0856033046u,
};

// 32 bits of the table from a place on.
static inline uint64_t bits_of_two_over_pi(uint64_t place) {
    return (TWO_OVER_PI[place >> 5] << (place & 31)) >> 32;
}

// A whole number below 2^32 as float64.
static inline double float64_of_word(uint64_t word) {
    return float64_of_bits(word | 0x4330000000000000u) - 4503599627370496.0;
}

struct turns_float64 { double high, low; uint64_t quadrant; };

static inline struct turns_float64 turns_float64(double x) {
    struct turns_float64 result;
    uint64_t bits = bits_of_float64(x) & 0x7fffffffffffffffu;
    uint64_t exponent = bits >> 52;
    uint64_t place = (exponent < 1022 ? 1022 : exponent) - 1013;
    uint64_t lower = bits & 0xffffffffu;
    uint64_t upper = ((bits >> 32) & 0x000fffffu) | 0x00100000u;
    uint64_t word = bits_of_two_over_pi(place + 160);
    uint64_t last = upper * word;
    uint64_t carry = (lower * word) >> 32;
    word = bits_of_two_over_pi(place + 128);
    uint64_t product = lower * word;
    carry += (product & 0xffffffffu) + (last & 0xffffffffu);
    carry = (carry >> 32) + (product >> 32) + (last >> 32);
    last = upper * word;
    word = bits_of_two_over_pi(place + 96);
    product = lower * word;
    carry += (product & 0xffffffffu) + (last & 0xffffffffu);
    uint64_t fourth = carry & 0xffffffffu;
    carry = (carry >> 32) + (product >> 32) + (last >> 32);
    last = upper * word;
    word = bits_of_two_over_pi(place + 64);
    product = lower * word;
    carry += (product & 0xffffffffu) + (last & 0xffffffffu);
    uint64_t third = carry & 0xffffffffu;
    carry = (carry >> 32) + (product >> 32) + (last >> 32);
    last = upper * word;
    word = bits_of_two_over_pi(place + 32);
    product = lower * word;
    carry += (product & 0xffffffffu) + (last & 0xffffffffu);
    uint64_t second = carry & 0xffffffffu;
    carry = (carry >> 32) + (product >> 32) + (last >> 32);
    carry += upper * word + lower * bits_of_two_over_pi(place) + 0x20000000u;
    double a = float64_of_word(carry & 0x3fffffffu) - 536870912.0;
    double b = float64_of_word(second) * 0x1p-32;
    double c = float64_of_word(third) * 0x1p-64 + float64_of_word(fourth) * 0x1p-96;
    double sum = a + b;
    double rest = (b - (sum - a)) + c;
    double fraction = sum + rest;
    rest = (rest - (fraction - sum)) * 0x1p-30;
    fraction = fraction * 0x1p-30;
    double top = float64_of_bits(bits_of_float64(fraction) & 0xfffffffff8000000u);
    rest = (fraction - top) + rest;
    double first = top * 0x1.921fb5p+0;
    double then = top * 0x1.110b4611a6263p-26 + rest * 0x1.921fb54442d18p+0;
    double high = first + then;
    double low = then - (high - first);
    result.high = choose_float64(exponent < 1022, float64_of_bits(bits), high);
    result.low = choose_float64(exponent < 1022, 0.0, low);
    result.quadrant = (carry >> 30) & 3 & -(uint64_t)(exponent >= 1022);
    return result;
}

// sin(r + l) and cos(r + l) for |r| <= pi/4 as high + low.
struct pair_float64 { double high, low; };

static inline struct pair_float64 sin_of_angle(double r, double l) {
    struct pair_float64 result;
    double z = r * r;
    double p = 1.5896898864419772e-10;
    p = fused_float64(p, z, -2.5050760106278045e-08);
    p = fused_float64(p, z, 2.7557313706439414e-06);
    p = fused_float64(p, z, -0.0001984126982985706);
    p = fused_float64(p, z, 0.00833333333332249);
    p = fused_float64(p, z, -0.16666666666666632);
    double rest = p * (z * r) + l * (1.0 - 0.5 * z);
    result.high = r + rest;
    result.low = (r - result.high) + rest;
    return result;
}

static inline struct pair_float64 cos_of_angle(double r, double l) {
    struct pair_float64 result;
    double z = r * r;
    double p = -1.1359923948255991e-11;
    p = fused_float64(p, z, 2.0875729110994918e-09);
    p = fused_float64(p, z, -2.7557314400020593e-07);
    p = fused_float64(p, z, 2.4801587289669023e-05);
    p = fused_float64(p, z, -0.0013888888888874472);
    p = fused_float64(p, z, 0.0416666666666666);
    double half = 0.5 * z;
    double top = 1.0 - half;
    double rest = ((1.0 - top) - half) + (p * (z * z) - r * l);
    result.high = top + rest;
    result.low = (top - result.high) + rest;
    return result;
}
