// needs: shared/bits
// x - trunc(x / y) y without rounding, with the sign of x: long division in base 2.
// Each turn takes away y times a power of 2 that is above half of what is left, which
// is exact (Sterbenz). The loop takes a turn or two where the quotient is small; it
// isn't vectorised.

static inline int exponent_float64(double x) {
    int is_small = x < 2.2250738585072014e-308;
    double y = is_small ? x * 18014398509481984.0 : x;
    return (int) (bits_of_float64(y) >> 52) - (is_small ? 54 : 0);
}

// 2^n for 0 <= n < 1024.
static inline double power_of_two_float64(int n) {
    return float64_of_bits((uint64_t)(n + 1023) << 52);
}

static inline double fmod_float64(double x, double y) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double left = float64_of_bits(bits_of_float64(x) ^ sign);
    double by = float64_of_bits(bits_of_float64(y) & 0x7fffffffffffffffu);
    double infinity = float64_of_bits(0x7ff0000000000000u);
    if (!(left < infinity) || !(by > 0.0)) {
        return (x * y) / (x * y);
    }
    while (left >= by && by < infinity) {
        int power = exponent_float64(left) - exponent_float64(by), third = power / 3;
        double part = by * power_of_two_float64(third) * power_of_two_float64(third);
        part *= power_of_two_float64(power - 2 * third);
        left -= part > left ? 0.5 * part : part;
    }
    return float64_of_bits(bits_of_float64(left) | sign);
}

static inline float fmod_float32(float x, float y) {
    return (float) fmod_float64(x, y);
}
