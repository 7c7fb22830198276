// needs: shared/log1p_of_sum shared/choose
// atanh y = log(1 + q) / 2, q = 2 y / (1 - y) = 2 y + q y, for y = |x|; the sum, which
// keeps what it lost to rounding, for y < 1/2. float32 is computed in float64.
// Error: at most 0.51 ulp in float32, 1.15 ulp in float64.

static inline double atanh_float64(double x) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double y = float64_of_bits(bits_of_float64(x) ^ sign);
    double infinity = float64_of_bits(0x7ff0000000000000u);
    double safe = choose_float64(y < 1.0, y, 0.0);
    double q = 2.0 * safe / (1.0 - safe);
    double rest = q * safe;
    double sum = 2.0 * safe + rest;
    double low = (2.0 * safe - sum) + rest;
    low = choose_float64(y < 0.5, low, 0.0);
    double result = 0.5 * log1p_of_sum(choose_float64(y < 0.5, sum, q), low);
    result = choose_float64(y < 0x1p-30, y, result);
    result = choose_float64(y == 1.0, infinity, result);
    result = choose_float64(y <= 1.0, result, float64_of_bits(0x7ff8000000000000u));
    return float64_of_bits(bits_of_float64(result) | sign);
}

static inline float atanh_float32(float x) {
    return (float) atanh_float64((double) x);
}
