// needs: shared/atan_of_ratio shared/choose
// The angle of the point (x, y): r = atan |y / x|, or pi - r where x is negative or -0,
// with the sign of y. Two zeros or infinities are taken for equal numbers where C99
// asks for it; both are multiplied so that their sum is finite and denormals are none.
// float32 is computed in float64.
// Error: at most 0.51 ulp in float32, 1.95 ulp in float64.

static inline double atan2_float64(double y, double x) {
    double infinity = float64_of_bits(0x7ff0000000000000u);
    uint64_t sign = bits_of_float64(y) & 0x8000000000000000u;
    double a = float64_of_bits(bits_of_float64(y) ^ sign);
    double b = float64_of_bits(bits_of_float64(x) & 0x7fffffffffffffffu);
    double most = choose_float64(a > b, a, b);
    double factor = choose_float64(most > 1e300, 0.25, 1.0);
    factor = choose_float64(most < 1e-290, 0x1p+100, factor);
    int is_equal = (a == infinity) & (b == infinity);
    double above = choose_float64(is_equal, 1.0, factor * a);
    double below = choose_float64(is_equal, 1.0, factor * b);
    below = choose_float64((a == 0.0) & (b == 0.0), 1.0, below);
    double angle = atan_of_ratio(above, below);
    double other = 0x1.921fb54442d18p+1 - (angle - 0x1.1a62633145c07p-53);
    int is_left = (bits_of_float64(x) >> 63) != 0;
    double result = choose_float64(is_left, other, angle);
    result = float64_of_bits(bits_of_float64(result) | sign);
    return choose_float64((x != x) | (y != y), x + y, result);
}

static inline float atan2_float32(float y, float x) {
    return (float) atan2_float64((double) y, (double) x);
}
