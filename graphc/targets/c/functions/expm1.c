// needs: shared/expm1_parts shared/choose
// e^x - 1 = 2^n (high + low), see expm1_parts; beyond the limits it is infinite or -1.
// Error: at most 1.15 ulp in float32, 1.25 ulp in float64.

static inline float expm1_float32(float x) {
    float y = choose_float32(x > 90.0f, 90.0f, x);
    y = choose_float32(y < -20.0f, -20.0f, y);
    struct expm1_parts_float32 e = expm1_parts_float32(y);
    float result = scale_float32(e.high + e.low, e.n);
    return choose_float32(x == 0.0f, x, result);
}

static inline double expm1_float64(double x) {
    double y = choose_float64(x > 710.0, 710.0, x);
    y = choose_float64(y < -50.0, -50.0, y);
    struct expm1_parts_float64 e = expm1_parts_float64(y);
    double result = scale_float64(e.high + e.low, e.n);
    return choose_float64(x == 0.0, x, result);
}
