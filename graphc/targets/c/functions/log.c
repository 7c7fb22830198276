// needs: shared/log_steps
// log x = k ln 2 + log(1 + f), see log_steps; ln 2 is in two parts.
// Error: at most 0.95 ulp in float32, 0.90 ulp in float64.

static inline float log_float32(float x) {
    struct log_steps_float32 steps = log_steps_of_any_float32(x);
    float k = steps.k;
    float f = steps.f;
    float rest = fused_float32(log_factor_float32(f), f * f, k * -2.1219444e-4f);
    return log_special_float32(x, fused_float32(k, 0.693359375f, f + rest));
}

static inline double log_float64(double x) {
    struct log_steps_float64 steps = log_steps_of_any_float64(x);
    double k = steps.k;
    double f = steps.f;
    double rest = log_rest_float64(f) + k * 0x1.cf79abc9e3b3ap-40;
    double result = k * 0x1.62e42fefa0000p-1 - ((0.5 * f * f - rest) - f);
    return log_special_float64(x, result);
}
