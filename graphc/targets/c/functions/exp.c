// needs: shared/exp_parts shared/choose
// e^x = 2^n e^r, see exp_parts; below the least number it is 0.
// Error: at most 1.05 ulp in float32, 0.85 ulp in float64.

static inline float exp_float32(float x) {
    struct exp_parts_float32 parts = exp_parts_float32(x);
    float result = scale_float32(parts.power, parts.n);
    return choose_float32(x < -104.0f, 0.0f, result);
}

static inline double exp_float64(double x) {
    double y = choose_float64(x > 710.0, 710.0, x);
    y = choose_float64(y < -746.0, -746.0, y);
    struct exp_parts_float64 e = exp_parts_float64(y);
    return scale_float64(e.high + e.low, e.n);
}
