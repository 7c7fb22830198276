// needs: shared/exp_parts shared/erf_factor shared/choose shared/fused
// erfc x = 1 - erf x for |x| < 3/4. For y >= 3/4, erfc y = e^(-y^2) s (1 + P(t)), s = 1
// / (y + 2), t = (y - 2) s = 1 - 4 s, as Shepherd and Laframboise have it (Math. Comp.
// 36, 1981); erfc -y = 2 - erfc y. y^2 is exact in two parts, and what s lost to
// rounding is found by exact products. In float32 what s is the inverse of is y' + 2 in
// place of y + 2, which the slope f' = 2 y f - 2 / sqrt(pi) of f = s (1 + P) makes up
// for. In float64 D(t), near P'(t), says what P lost by that; the coefficient of t has
// two parts.
// Error: at most 1.85 ulp in float32, 1.95 ulp in float64.

static inline float erfc_tail_float32(float x) {
    float y = choose_float32(x > 10.5f, 10.5f, x);
    float bottom = y + 2.0f;
    float added = bottom - y;
    float bottom_low = (y - (bottom - added)) + (2.0f - added);
    float s = float32_of_bits(bits_of_float32(1.0f / bottom) & 0xfffffffeu);
    float left = strictly_fused_float32(-s, bottom, 1.0f);
    left = fused_float32(-s, bottom_low, left);
    float t = fused_float32(-4.0f, s, 1.0f);
    float p = 0.00023946729f;
    p = fused_float32(p, t, -0.00066541624f);
    p = fused_float32(p, t, -0.0009269232f);
    p = fused_float32(p, t, 0.0031099813f);
    p = fused_float32(p, t, 0.0064928476f);
    p = fused_float32(p, t, -0.021514127f);
    p = fused_float32(p, t, -0.036443036f);
    p = fused_float32(p, t, 0.27947226f);
    p = fused_float32(p, t, -0.6871607f);
    p = strictly_fused_float32(p, t, 0.021582704f);
    float f = strictly_fused_float32(s, p, s);
    float f_low = strictly_fused_float32(s, p, s - f);
    float slope = fused_float32(2.0f * y, f, -1.1283792f);
    f_low = fused_float32(-bottom * left, slope, f_low);
    float square = y * y;
    float square_low = strictly_fused_float32(y, y, -square);
    float n = fused_float32(square, -1.442695f, 12582912.0f) - 12582912.0f;
    float r = fused_float32(n, -0.693359375f, -square);
    r = r + fused_float32(n, 2.1219444e-4f, -square_low);
    float e = 0.001393986f;
    e = fused_float32(e, r, 0.008368815f);
    e = fused_float32(e, r, 0.04166641f);
    e = fused_float32(e, r, 0.1666652f);
    e = fused_float32(e, r, 0.5f);
    float growth = fused_float32(e, r * r, r);
    f_low = fused_float32(f_low, growth, f_low);
    return scale_float32(f + strictly_fused_float32(f, growth, f_low), n);
}

static inline float erfc_float32(float x) {
    float y = choose_float32(x < 0.0f, -x, x);
    float tail = erfc_tail_float32(y);
    float small = fused_float32(-x, erf_factor_float32(x), 1.0f - x);
    tail = choose_float32(x < 0.0f, 2.0f - tail, tail);
    return choose_float32(y < 0.75f, small, tail);
}

static inline double erfc_tail_float64(double x) {
    double y = choose_float64(x > 28.0, 28.0, x);
    double bottom = y + 2.0;
    double bottom_low = choose_float64(y > 2.0, 2.0 - (bottom - y), y - (bottom - 2.0));
    double s = 1.0 / bottom;
    double s_top = float64_of_bits(bits_of_float64(s) & 0xfffffffff8000000u);
    double top = float64_of_bits(bits_of_float64(bottom) & 0xfffffffff8000000u);
    double left = (1.0 - s_top * top) - s_top * ((bottom - top) + bottom_low);
    double s_low = s * (left - (s - s_top) * bottom);
    double t = 1.0 - 4.0 * s;
    double t_low = ((1.0 - t) - 4.0 * s) - 4.0 * s_low;
    double p = 8.126124902711991e-08;
    p = fused_float64(p, t, 2.997759047474605e-07);
    p = fused_float64(p, t, -1.5400453894986111e-06);
    p = fused_float64(p, t, 1.241519715276679e-07);
    p = fused_float64(p, t, 2.641809484139265e-06);
    p = fused_float64(p, t, 3.2905105519729215e-06);
    p = fused_float64(p, t, -1.263939399448513e-06);
    p = fused_float64(p, t, -1.5970239911576382e-05);
    p = fused_float64(p, t, -2.1694650567548464e-05);
    p = fused_float64(p, t, 3.4118784690385e-05);
    p = fused_float64(p, t, 0.00014447468030433266);
    p = fused_float64(p, t, 3.437471441439782e-05);
    p = fused_float64(p, t, -0.0006630741620497594);
    p = fused_float64(p, t, -0.0008372962609744123);
    p = fused_float64(p, t, 0.0030906121052871782);
    p = fused_float64(p, t, 0.006479185074097291);
    p = fused_float64(p, t, -0.02151066189094401);
    p = fused_float64(p, t, -0.03644223150697244);
    p = fused_float64(p, t, 0.27947209255607164);
    p = fused_float64(p, t, -0.6871606844138103);
    p = p * t;
    double d = 0.032396;
    d = fused_float64(d, t, -0.086043);
    d = fused_float64(d, t, -0.10933);
    d = fused_float64(d, t, 0.55894);
    d = fused_float64(d, t, -0.68716);
    double p_low = d * t_low + 1.1853860408051867e-16 * t;
    double rest = s * p + (s * 0.021582705242022944 + (s_low * (1.0 + p) + s * p_low));
    double factor = s + rest;
    double factor_low = (s - factor) + rest;
    double y_top = float64_of_bits(bits_of_float64(y) & 0xfffffffff8000000u);
    double square = y_top * y_top;
    double square_low = (y - y_top) * (y + y_top);
    double sum = square + square_low;
    struct exp_parts_float64 e = exp_parts_float64(-sum);
    double less = (e.high - 1.0) + e.low;
    less = less + ((sum - square) - square_low) * (1.0 + less);
    return scale_float64(factor + (factor * less + factor_low * (1.0 + less)), e.n);
}

static inline double erfc_float64(double x) {
    double y = choose_float64(x < 0.0, -x, x);
    double tail = erfc_tail_float64(y);
    double small = fused_float64(-x, erf_factor_float64(x), 1.0 - x);
    return choose_float64(y < 0.75, small, choose_float64(x < 0.0, 2.0 - tail, tail));
}
