// needs: shared/expm1_parts shared/choose shared/fused
// float32: tanh x = x + x^3 P(x^2) for |x| < 0.625, else 1 - 2 / (e^(2|x|) + 1), where
// e^(2|x|) = 2^n e^(2r), r = |x| - n (ln 2)/2, n limited as in exp_parts.
// float64: tanh |x| = 1 - q = t/2 - (t/2)^2 q with t = e^(2|x|) - 1 and q = 2 / (t +
// 2); the second form is the more exact one below 0.3. What t and t + 2 lost to
// rounding corrects t and q.
// Error: at most 1.45 ulp in float32, 1.75 ulp in float64.

static inline float tanh_float32(float x) {
    uint32_t sign = bits_of_float32(x) & 0x80000000u;
    float y = float32_of_bits(bits_of_float32(x) ^ sign);
    uint32_t shifted = bits_of_float32(fused_float32(y, 2.8853901f, 12583039.0f));
    uint32_t largest = bits_of_float32(12583039.0f + 26.0f);
    shifted = shifted < largest ? shifted : largest;
    float n = float32_of_bits(shifted) - 12583039.0f;
    float scale = float32_of_bits(shifted << 23);
    float r = fused_float32(n, -0.34657359f, y);
    float p = 0.08921511f;
    p = fused_float32(p, r, 0.2678021f);
    p = fused_float32(p, r, 0.6666626f);
    p = fused_float32(p, r, 1.3333216f);
    p = fused_float32(p, r, 2.0f);
    p = fused_float32(p, r, 2.0f);
    p = fused_float32(p, r, 1.0f);
    float large = fused_float32(-2.0f, 1.0f / fused_float32(p, scale, 1.0f), 1.0f);
    float z = x * x;
    float s = -0.0057154996f;
    s = fused_float32(s, z, 0.020649103f);
    s = fused_float32(s, z, -0.053743005f);
    s = fused_float32(s, z, 0.13331485f);
    s = fused_float32(s, z, -0.33333284f);
    float small = fused_float32(s, y * z, y);
    float result = choose_float32(y < 0.625f, small, large);
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
