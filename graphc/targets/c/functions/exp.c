// needs: shared/exp_parts shared/choose
// e^x = 2^n (high + low), see exp_parts. Beyond the limits the result is infinite or 0.
// Error: at most 0.90 ulp in float32, 0.85 ulp in float64.

static inline float exp_float32(float x) {
    float y = choose_float32(x > 90.0f, 90.0f, x);
    y = choose_float32(y < -105.0f, -105.0f, y);
    struct exp_parts_float32 e = exp_parts_float32(y);
    return scale_float32(e.high + e.low, e.n);
}

static inline double exp_float64(double x) {
    double y = choose_float64(x > 710.0, 710.0, x);
    y = choose_float64(y < -746.0, -746.0, y);
    struct exp_parts_float64 e = exp_parts_float64(y);
    return scale_float64(e.high + e.low, e.n);
}
