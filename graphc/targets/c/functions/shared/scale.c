// needs: shared/bits
// x * 2^n for a whole n, rounded once: where the result is denormal, or 2^n itself is
// out of range, too. Adding 1.5 * 2^23 (2^52) + bias puts a whole number into the
// lowest bits, from where a shift makes it an exponent. -252 <= n <= 254, -2044 <= n <=
// 2046.

static inline float scale_float32(float x, float n) {
    float half = (0.5f * n + 12582912.0f) - 12582912.0f;
    float first = float32_of_bits(bits_of_float32(half + 12583039.0f) << 23);
    float second = float32_of_bits(bits_of_float32((n - half) + 12583039.0f) << 23);
    return x * first * second;
}

static inline double scale_float64(double x, double n) {
    double half = (0.5 * n + 6755399441055744.0) - 6755399441055744.0;
    double first = float64_of_bits(bits_of_float64(half + 6755399441056767.0) << 52);
    double second =
        float64_of_bits(bits_of_float64((n - half) + 6755399441056767.0) << 52);
    return x * first * second;
}
