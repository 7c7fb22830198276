// needs: shared/scale shared/fused
// e^x = 2^n e^r: n is the whole number nearest to x / ln 2, and r = x - n ln 2 with ln
// 2 in two parts (Cody and Waite), so that |r| <= ln 2 / 2. e^r = 1 + r + r^2 P(r).
// float32 has e^r within 1.05 ulp, and n at most 130 (the bits of positive numbers are
// in their order; a negative number stays), but r is not limited: e^r and n of larger x
// make infinity, and NaN stays NaN.
// float64 has high + low, which rounds to within 0.6 ulp: low is what 1 + r lost to
// rounding (Fast2Sum of Dekker) and what r lost, with r^2 P(r).

struct exp_parts_float32 { float power, n; };

static inline struct exp_parts_float32 exp_parts_float32(float x) {
    struct exp_parts_float32 parts;
    float shifted = fused_float32(x, 1.442695f, 12582912.0f);
    int32_t bits = (int32_t)bits_of_float32(shifted);
    int32_t largest = (int32_t)bits_of_float32(12582912.0f + 130.0f);
    bits = bits < largest ? bits : largest;
    parts.n = float32_of_bits((uint32_t)bits) - 12582912.0f;
    float r = fused_float32(parts.n, -0.693359375f, x);
    r = fused_float32(parts.n, 2.1219444e-4f, r);
    float p = 0.001393986f;
    p = fused_float32(p, r, 0.008368815f);
    p = fused_float32(p, r, 0.04166641f);
    p = fused_float32(p, r, 0.1666652f);
    p = fused_float32(p, r, 0.5f);
    parts.power = 1.0f + fused_float32(p, r * r, r);
    return parts;
}

struct exp_parts_float64 { double high, low, n; };

static inline struct exp_parts_float64 exp_parts_float64(double x) {
    struct exp_parts_float64 parts;
    double n = (x * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0;
    double above = x - n * 0x1.62e42fefa0000p-1;
    double below = n * 0x1.cf79abc9e3b3ap-40;
    double r = above - below;
    double p = 2.5111464792709437e-08;
    p = fused_float64(p, r, 2.763154556763039e-07);
    p = fused_float64(p, r, 2.755723705444168e-06);
    p = fused_float64(p, r, 2.480148912026595e-05);
    p = fused_float64(p, r, 0.00019841269893337995);
    p = fused_float64(p, r, 0.001388888894791129);
    p = fused_float64(p, r, 0.008333333333318838);
    p = fused_float64(p, r, 0.04166666666651145);
    p = fused_float64(p, r, 0.1666666666666668);
    p = fused_float64(p, r, 0.5000000000000013);
    double q = p * (r * r) + ((above - r) - below);
    parts.high = 1.0 + r;
    parts.low = (r - (parts.high - 1.0)) + q;
    parts.n = n;
    return parts;
}
