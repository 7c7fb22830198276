// needs: shared/exp_parts shared/erf_small shared/choose
// erf x = x + x P(x^2) for |x| < 3/4, else 1 - e^Q(|x|), where Q is a polynomial for
// log(erfc x) in the distance from 3/4. Beyond 6 (4 in float32) erf x rounds to 1.
// Error: at most 1.25 ulp in float32, 1.15 ulp in float64.

static inline float erf_float32(float x) {
    uint32_t sign = bits_of_float32(x) & 0x80000000u;
    float y = float32_of_bits(bits_of_float32(x) ^ sign);
    float t = choose_float32(y > 4.0f, 4.0f, y) - 0.75f;
    float p = 0.00016753703f;
    p = p * t + -0.0013195727f;
    p = p * t + 0.004160633f;
    p = p * t + -0.0065646293f;
    p = p * t + 0.0038989848f;
    p = p * t + 0.009510921f;
    p = p * t + -0.0520134f;
    p = p * t + -0.8079688f;
    p = p * t + -2.225868f;
    p = p * t + -1.2418673f;
    struct exp_parts_float32 e = exp_parts_float32(p);
    float scale = float32_of_bits(bits_of_float32(e.n + 12583039.0f) << 23);
    float tail = 1.0f - scale * (e.high + e.low);
    float result = choose_float32(y < 0.75f, erf_small_float32(y), tail);
    return float32_of_bits(bits_of_float32(result) | sign);
}

static inline double erf_float64(double x) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double y = float64_of_bits(bits_of_float64(x) ^ sign);
    double t = choose_float64(y > 6.0, 6.0, y) - 0.75;
    double p = 2.005698119660325e-12;
    p = p * t + -5.926075551001222e-11;
    p = p * t + 8.139018212872397e-10;
    p = p * t + -6.898961201446314e-09;
    p = p * t + 4.020175089972746e-08;
    p = p * t + -1.6751497866857939e-07;
    p = p * t + 4.834809404577855e-07;
    p = p * t + -7.24424613935421e-07;
    p = p * t + -1.4111053358853378e-06;
    p = p * t + 1.4330177627662841e-05;
    p = p * t + -5.429863905764283e-05;
    p = p * t + 0.00010589284427325211;
    p = p * t + 0.00012961761938715826;
    p = p * t + -0.0022704470248452384;
    p = p * t + 0.012705625255923393;
    p = p * t + -0.05289998958346961;
    p = p * t + -0.8078515419189233;
    p = p * t + -2.225873667980699;
    p = p * t + -1.241867260678887;
    struct exp_parts_float64 e = exp_parts_float64(p);
    double scale = float64_of_bits(bits_of_float64(e.n + 6755399441056767.0) << 52);
    double tail = 1.0 - scale * (e.high + e.low);
    double result = choose_float64(y < 0.75, erf_small_float64(y), tail);
    return float64_of_bits(bits_of_float64(result) | sign);
}
