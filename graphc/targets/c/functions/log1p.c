// needs: shared/log_steps shared/choose
// u = 1 + x loses c: log(1 + x) = log u + c / u, and log u as in log. Near 0 (u is not
// scaled) x itself stands for f = u - 1, and c for 0.
// Error: at most 1.00 ulp in float32, 0.95 ulp in float64.

static inline float log1p_float32(float x) {
    float u = 1.0f + x;
    float c = choose_float32(u > 2.0f, 1.0f - (u - x), x - (u - 1.0f)) / u;
    struct log_steps_float32 steps = log_steps_float32(u);
    float k = steps.k;
    float f = choose_float32(k == 0.0f, x, steps.f);
    c = choose_float32(k == 0.0f, 0.0f, c);
    float rest = log_rest_float32(f) + (k * -2.1219444e-4f + c);
    float result = (f - (0.5f * (f * f) - rest)) + k * 0.693359375f;
    result = choose_float32(x < float32_of_bits(0x7f800000u), result, x);
    result = choose_float32(x == 0.0f, x, result);
    result = choose_float32(x == -1.0f, -float32_of_bits(0x7f800000u), result);
    return choose_float32(x < -1.0f, float32_of_bits(0x7fc00000u), result);
}

static inline double log1p_float64(double x) {
    double u = 1.0 + x;
    double c = choose_float64(u > 2.0, 1.0 - (u - x), x - (u - 1.0)) / u;
    struct log_steps_float64 steps = log_steps_float64(u);
    double k = steps.k;
    double f = choose_float64(k == 0.0, x, steps.f);
    c = choose_float64(k == 0.0, 0.0, c);
    double rest = log_rest_float64(f) + (k * 0x1.cf79abc9e3b3ap-40 + c);
    double result = k * 0x1.62e42fefa0000p-1 - ((0.5 * f * f - rest) - f);
    result = choose_float64(x < float64_of_bits(0x7ff0000000000000u), result, x);
    result = choose_float64(x == 0.0, x, result);
    result = choose_float64(x == -1.0, -float64_of_bits(0x7ff0000000000000u), result);
    return choose_float64(x < -1.0, float64_of_bits(0x7ff8000000000000u), result);
}
