// needs: shared/asin_tail shared/choose
// asin y = y + y z P(z), z = y^2, for y = |x| < 1/2, else pi/2 - 2 asin(sqrt((1 - y) /
// 2)) with pi/2 in two parts. float32 is computed in float64.
// Error: at most 0.51 ulp in float32, 1.70 ulp in float64.

static inline double asin_float64(double x) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double y = float64_of_bits(bits_of_float64(x) ^ sign);
    double z = choose_float64(y < 0.5, y * y, 0.5 * (1.0 - y));
    double s = choose_float64(y < 0.5, y, __builtin_sqrt(z));
    double rest = s * asin_tail(z);
    double less = 2.0 * s + (2.0 * rest - 0x1.1a62633145c07p-54);
    double large = 0x1.921fb54442d18p+0 - less;
    double result = choose_float64(y < 0.5, s + rest, large);
    return float64_of_bits(bits_of_float64(result) | sign);
}

static inline float asin_float32(float x) {
    return (float) asin_float64((double) x);
}
