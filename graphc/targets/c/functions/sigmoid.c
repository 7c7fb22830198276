// needs: shared/exp_parts shared/choose shared/fused
// 1 / (1 + e^-x) = e / (1 + e) with e = e^-|x| for x < 0, so that nothing overflows and
// small results keep their digits. What numerator and denominator lost to rounding (in
// float32, what denominator and quotient did) corrects the quotient; 1 / (1 + e) is
// either the quotient or 1 minus it.
// Error: at most 1.60 ulp in float32, 1.25 ulp in float64.

static inline float sigmoid_float32(float x) {
    float y = choose_float32(x < 0.0f, x, -x);
    y = choose_float32(y < -105.0f, -105.0f, y);
    struct exp_parts_float32 parts = exp_parts_float32(y);
    float e = scale_float32(parts.power, parts.n);
    float bottom = 1.0f + e;
    float lost = e - (bottom - 1.0f);
    float numerator = choose_float32(x < 0.0f, e, 1.0f);
    float q = numerator / bottom;
    float inverse = choose_float32(x < 0.0f, 1.0f - q, q);
    float left = strictly_fused_float32(-q, bottom, numerator);
    return fused_float32(fused_float32(-q, lost, left), inverse, q);
}

static inline double sigmoid_float64(double x) {
    double y = choose_float64(x < 0.0, x, -x);
    y = choose_float64(y < -746.0, -746.0, y);
    struct exp_parts_float64 parts = exp_parts_float64(y);
    double sum = parts.high + parts.low;
    double e = scale_float64(sum, parts.n);
    double low = scale_float64(parts.low - (sum - parts.high), parts.n);
    double bottom = 1.0 + e;
    double lost = (e - (bottom - 1.0)) + low;
    double q = choose_float64(x < 0.0, e, 1.0) / bottom;
    double inverse = choose_float64(x < 0.0, 1.0 - q, q);
    return q + inverse * (choose_float64(x < 0.0, low, 0.0) - q * lost);
}
