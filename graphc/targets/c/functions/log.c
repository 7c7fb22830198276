// needs: shared/log_steps shared/choose
// log x = k ln 2 + log(1 + f), see log_steps; ln 2 is in two parts. Denormals are
// scaled first.
// Error: at most 0.95 ulp in float32, 0.90 ulp in float64.

static inline float log_float32(float x) {
    int is_small = x < 1.17549435e-38f;
    struct log_steps_float32 steps =
        log_steps_float32(choose_float32(is_small, x * 33554432.0f, x));
    float k = steps.k - choose_float32(is_small, 25.0f, 0.0f);
    float f = steps.f;
    float rest = log_rest_float32(f) + k * -2.1219444e-4f;
    float result = (f - (0.5f * (f * f) - rest)) + k * 0.693359375f;
    result = choose_float32(x < float32_of_bits(0x7f800000u), result, x);
    result = choose_float32(x == 0.0f, -float32_of_bits(0x7f800000u), result);
    return choose_float32(x < 0.0f, float32_of_bits(0x7fc00000u), result);
}

static inline double log_float64(double x) {
    int is_small = x < 2.2250738585072014e-308;
    struct log_steps_float64 steps =
        log_steps_float64(choose_float64(is_small, x * 18014398509481984.0, x));
    double k = steps.k - choose_float64(is_small, 54.0, 0.0);
    double f = steps.f;
    double rest = log_rest_float64(f) + k * 0x1.cf79abc9e3b3ap-40;
    double result = k * 0x1.62e42fefa0000p-1 - ((0.5 * f * f - rest) - f);
    result = choose_float64(x < float64_of_bits(0x7ff0000000000000u), result, x);
    result = choose_float64(x == 0.0, -float64_of_bits(0x7ff0000000000000u), result);
    return choose_float64(x < 0.0, float64_of_bits(0x7ff8000000000000u), result);
}
