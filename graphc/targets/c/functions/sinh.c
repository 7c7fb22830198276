// needs: shared/expm1_parts shared/choose
// sinh |x| = h + h / (2 h + 1), h = (e^|x| - 1) / 2, which overflows where sinh does.
// The quotient is too small to count above 40 (20 in float32).
// Error: at most 1.75 ulp in float32, 1.70 ulp in float64.

static inline float sinh_float32(float x) {
    uint32_t sign = bits_of_float32(x) & 0x80000000u;
    float y = float32_of_bits(bits_of_float32(x) ^ sign);
    float bounded = choose_float32(y > 90.0f, 90.0f, y);
    struct expm1_parts_float32 e = expm1_parts_float32(bounded);
    float sum = e.high + e.low;
    float half = scale_float32(0.5f * sum, e.n);
    float low = scale_float32(0.5f * (e.low - (sum - e.high)), e.n);
    float rest = choose_float32(y > 20.0f, 0.0f, half / (2.0f * half + 1.0f));
    float result = half + (rest + low);
    result = choose_float32(y == 0.0f, y, result);
    return float32_of_bits(bits_of_float32(result) | sign);
}

static inline double sinh_float64(double x) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double y = float64_of_bits(bits_of_float64(x) ^ sign);
    double bounded = choose_float64(y > 711.0, 711.0, y);
    struct expm1_parts_float64 e = expm1_parts_float64(bounded);
    double sum = e.high + e.low;
    double half = scale_float64(0.5 * sum, e.n);
    double low = scale_float64(0.5 * (e.low - (sum - e.high)), e.n);
    double rest = choose_float64(y > 40.0, 0.0, half / (2.0 * half + 1.0));
    double result = half + (rest + low);
    return float64_of_bits(bits_of_float64(choose_float64(y == 0.0, y, result)) | sign);
}
