// needs: shared/scale shared/choose shared/fused
// 2^x = 2^n 2^r: n is the whole number nearest to x, r = x - n, 2^r = 1 + r ln 2 + r^2
// P(r). Beyond the limits the result is infinite or 0.
// Error: at most 1.15 ulp in float32, 1.25 ulp in float64.

static inline float exp2_float32(float x) {
    float y = choose_float32(x > 130.0f, 130.0f, x);
    y = choose_float32(y < -152.0f, -152.0f, y);
    float n = (y + 12582912.0f) - 12582912.0f;
    float r = y - n;
    float p = 0.00015459234f;
    p = fused_float32(p, r, 0.0013390374f);
    p = fused_float32(p, r, 0.009618071f);
    p = fused_float32(p, r, 0.055503618f);
    p = fused_float32(p, r, 0.2402265f);
    p = fused_float32(p, r, 0.6931472f);
    return scale_float32(fused_float32(p, r, 1.0f), n);
}

static inline double exp2_float64(double x) {
    double y = choose_float64(x > 1030.0, 1030.0, x);
    y = choose_float64(y < -1080.0, -1080.0, y);
    double n = (y + 6755399441055744.0) - 6755399441055744.0;
    double r = y - n;
    double p = 4.4563983488561174e-10;
    p = fused_float64(p, r, 7.073859189576457e-09);
    p = fused_float64(p, r, 1.0178053521082333e-07);
    p = fused_float64(p, r, 1.3215434822151186e-06);
    p = fused_float64(p, r, 1.5252733849043023e-05);
    p = fused_float64(p, r, 0.00015403530458071266);
    p = fused_float64(p, r, 0.0013333558146400503);
    p = fused_float64(p, r, 0.009618129107593335);
    p = fused_float64(p, r, 0.05550410866482164);
    p = fused_float64(p, r, 0.24022650695910133);
    p = fused_float64(p, r, 0.6931471805599453);
    return scale_float64(fused_float64(p, r, 1.0), n);
}
