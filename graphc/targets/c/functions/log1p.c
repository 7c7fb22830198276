// needs: shared/log_steps
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
    c = fused_float32(k, -2.1219444e-4f, c);
    float rest = fused_float32(log_factor_float32(f), f * f, c);
    float result = fused_float32(k, 0.693359375f, f + rest);
    return choose_float32(x == 0.0f, x, log_special_float32(u, result));
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
    return choose_float64(x == 0.0, x, log_special_float64(u, result));
}
