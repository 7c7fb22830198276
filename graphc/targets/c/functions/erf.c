// needs: shared/exp_parts shared/erf_factor shared/choose shared/fused
// erf x = x + x P(x^2) for |x| < 3/4, else 1 - e^Q(|x|), where Q is a polynomial for
// log(erfc x) in the distance from 3/4; in float32 1 - 2^Q, with log2. Beyond 6 (4 in
// float32, where the bits of positive numbers are compared) erf x rounds to 1.
// Error: at most 1.25 ulp in float32, 1.15 ulp in float64.

static inline float erf_float32(float x) {
    uint32_t sign = bits_of_float32(x) & 0x80000000u;
    uint32_t size = bits_of_float32(x) ^ sign, largest = bits_of_float32(4.0f);
    float y = float32_of_bits(size);
    float t = float32_of_bits(size < largest ? size : largest) - 0.75f;
    float p = 7.6254632e-06f;
    p = fused_float32(p, t, 0.00026896637f);
    p = fused_float32(p, t, -0.003168386f);
    p = fused_float32(p, t, 0.018150631f);
    p = fused_float32(p, t, -0.07622455f);
    p = fused_float32(p, t, -1.165503f);
    p = fused_float32(p, t, -3.2112556f);
    p = fused_float32(p, t, -1.7916358f);
    float shifted = p + 12583039.0f;
    float r = p - (shifted - 12583039.0f);
    float scale = float32_of_bits(bits_of_float32(shifted) << 23);
    float e = 0.00015459234f;
    e = fused_float32(e, r, 0.0013390374f);
    e = fused_float32(e, r, 0.009618071f);
    e = fused_float32(e, r, 0.055503618f);
    e = fused_float32(e, r, 0.2402265f);
    e = fused_float32(e, r, 0.6931472f);
    e = fused_float32(e, r, 1.0f);
    float tail = fused_float32(-scale, e, 1.0f);
    float small = fused_float32(y, erf_factor_float32(y), y);
    float result = choose_float32(y >= 0.75f, tail, small);
    return float32_of_bits(bits_of_float32(result) | sign);
}

static inline double erf_float64(double x) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double y = float64_of_bits(bits_of_float64(x) ^ sign);
    double t = choose_float64(y > 6.0, 6.0, y) - 0.75;
    double p = 2.005698119660325e-12;
    p = fused_float64(p, t, -5.926075551001222e-11);
    p = fused_float64(p, t, 8.139018212872397e-10);
    p = fused_float64(p, t, -6.898961201446314e-09);
    p = fused_float64(p, t, 4.020175089972746e-08);
    p = fused_float64(p, t, -1.6751497866857939e-07);
    p = fused_float64(p, t, 4.834809404577855e-07);
    p = fused_float64(p, t, -7.24424613935421e-07);
    p = fused_float64(p, t, -1.4111053358853378e-06);
    p = fused_float64(p, t, 1.4330177627662841e-05);
    p = fused_float64(p, t, -5.429863905764283e-05);
    p = fused_float64(p, t, 0.00010589284427325211);
    p = fused_float64(p, t, 0.00012961761938715826);
    p = fused_float64(p, t, -0.0022704470248452384);
    p = fused_float64(p, t, 0.012705625255923393);
    p = fused_float64(p, t, -0.05289998958346961);
    p = fused_float64(p, t, -0.8078515419189233);
    p = fused_float64(p, t, -2.225873667980699);
    p = fused_float64(p, t, -1.241867260678887);
    struct exp_parts_float64 e = exp_parts_float64(p);
    double scale = float64_of_bits(bits_of_float64(e.n + 6755399441056767.0) << 52);
    double tail = 1.0 - scale * (e.high + e.low);
    double small = fused_float64(y, erf_factor_float64(y), y);
    double result = choose_float64(y < 0.75, small, tail);
    return float64_of_bits(bits_of_float64(result) | sign);
}
