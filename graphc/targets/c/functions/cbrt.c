// needs: shared/choose
// The cube root: r near |x|^(-1/3) from a third of the exponent's bits, then by
// Newton's r (4 - x r^3) / 3; the root y = x r^2 with half of its bits is corrected by
// d + d^2 r, d = (x - y^3) r^2 / 3, where products are exact. float32 is computed in
// float64.
// Error: at most 0.51 ulp in float32, 1.05 ulp in float64.

static inline double cbrt_float64(double x) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double size = float64_of_bits(bits_of_float64(x) ^ sign);
    int is_small = size < 2.2250738585072014e-308;
    double y = choose_float64(is_small, size * 18014398509481984.0, size);
    uint64_t third = ((bits_of_float64(y) >> 32) * 0xaaaaaaabu) >> 33;
    double r = float64_of_bits((0x553ee800u - third) << 32);
    double a = y * 0.3333333333333333;
    r = r * 1.3333333333333333 - a * r * (r * (r * r));
    r = r * 1.3333333333333333 - a * r * (r * (r * r));
    r = r * 1.3333333333333333 - a * r * (r * (r * r));
    r = r * 1.3333333333333333 - a * r * (r * (r * r));
    double square = r * r;
    double root = float64_of_bits(bits_of_float64(y * square) & 0xfffffffff8000000u);
    double cube = root * root;
    double top = float64_of_bits(bits_of_float64(cube) & 0xfffffffff8000000u);
    double left = (y - top * root) - (cube - top) * root;
    double step = left * 0.3333333333333333 * square;
    double result = root + (step + step * step * r);
    result = choose_float64(is_small, result * 0x1p-18, result);
    int is_number = (size > 0.0) & (size < float64_of_bits(0x7ff0000000000000u));
    result = choose_float64(is_number, result, size);
    return float64_of_bits(bits_of_float64(result) | sign);
}

static inline float cbrt_float32(float x) {
    return (float) cbrt_float64((double) x);
}
