// needs: shared/expm1_parts shared/choose
// tanh |x| = 1 - q = t/2 - (t/2)^2 q with t = e^(2|x|) - 1 and q = 2 / (t + 2); the
// second form is the more exact one below 0.3. What t and t + 2 lost to rounding
// corrects t and q.
// Error: at most 1.85 ulp in float32, 1.75 ulp in float64.

static inline float tanh_float32(float x) {
    uint32_t sign = bits_of_float32(x) & 0x80000000u;
    float y = float32_of_bits(bits_of_float32(x) ^ sign);
    y = 2.0f * choose_float32(y > 10.0f, 10.0f, y);
    struct expm1_parts_float32 e = expm1_parts_float32(y);
    float scale = float32_of_bits(bits_of_float32(e.n + 12583039.0f) << 23);
    float half = 0.5f * scale * (e.high + e.low);
    float half_lost = 0.5f * scale * (e.low - ((e.high + e.low) - e.high));
    float bottom = half + 1.0f;
    float of_one = 1.0f - (bottom - half), of_half = half - (bottom - 1.0f);
    float lost = choose_float32(half > 1.0f, of_one, of_half);
    float q = 1.0f / bottom;
    float correction = q * q * (lost + half_lost);
    float small = half + (half_lost - half * half * (q - correction));
    float result = choose_float32(y > 0.6f, (1.0f - q) + correction, small);
    return float32_of_bits(bits_of_float32(result) | sign);
}

static inline double tanh_float64(double x) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double y = float64_of_bits(bits_of_float64(x) ^ sign);
    y = 2.0 * choose_float64(y > 20.0, 20.0, y);
    struct expm1_parts_float64 e = expm1_parts_float64(y);
    double scale = float64_of_bits(bits_of_float64(e.n + 6755399441056767.0) << 52);
    double half = 0.5 * scale * (e.high + e.low);
    double half_lost = 0.5 * scale * (e.low - ((e.high + e.low) - e.high));
    double bottom = half + 1.0;
    double of_one = 1.0 - (bottom - half), of_half = half - (bottom - 1.0);
    double lost = choose_float64(half > 1.0, of_one, of_half);
    double q = 1.0 / bottom;
    double correction = q * q * (lost + half_lost);
    double small = half + (half_lost - half * half * (q - correction));
    double result = choose_float64(y > 0.6, (1.0 - q) + correction, small);
    return float64_of_bits(bits_of_float64(result) | sign);
}
