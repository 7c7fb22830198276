// needs: shared/log1p_of_sum shared/choose
// asinh y = log(1 + t), t = y + y^2 / (1 + sqrt(1 + y^2)), for y = |x|, or log(y) + ln
// 2 where y^2 is too large for 1 to count. What t lost to rounding is added. float32 is
// computed in float64.
// Error: at most 0.51 ulp in float32, 1.30 ulp in float64.

static inline double asinh_float64(double x) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double y = float64_of_bits(bits_of_float64(x) ^ sign);
    int is_large = y > 0x1p+60;
    double small = choose_float64(is_large, 1.0, y);
    double square = small * small;
    double rest = square / (1.0 + __builtin_sqrt(1.0 + square));
    double t = small + rest;
    double low = choose_float64(small > rest, (small - t) + rest, (rest - t) + small);
    low = choose_float64(is_large, 0.0, low);
    double sum = log1p_of_sum(choose_float64(is_large, y, t), low);
    double result = choose_float64(is_large, sum + 0.6931471805599453, sum);
    result = choose_float64(y < float64_of_bits(0x7ff0000000000000u), result, y);
    result = choose_float64(y < 0x1p-30, y, result);
    return float64_of_bits(bits_of_float64(result) | sign);
}

static inline float asinh_float32(float x) {
    return (float) asinh_float64((double) x);
}
