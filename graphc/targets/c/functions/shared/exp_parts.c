// needs: shared/scale
// e^x = 2^n (high + low): n is the whole number nearest to x / ln 2, and r = x - n ln 2
// with ln 2 in two parts (Cody and Waite), so that |r| <= ln 2 / 2. e^r = 1 + r + q, q
// = r^2 P(r) + what r lost to rounding; low is the rounding error of 1 + r (Fast2Sum of
// Dekker), with q: high + low rounds to within 0.6 ulp.

struct exp_parts_float32 { float high, low, n; };

static inline struct exp_parts_float32 exp_parts_float32(float x) {
    struct exp_parts_float32 parts;
    float n = (x * 1.442695f + 12582912.0f) - 12582912.0f;
    float above = x - n * 0.693359375f;
    float below = n * -2.1219444e-4f;
    float r = above - below;
    float p = 0.001393986f;
    p = p * r + 0.008368815f;
    p = p * r + 0.04166641f;
    p = p * r + 0.1666652f;
    p = p * r + 0.5f;
    float q = p * (r * r) + ((above - r) - below);
    parts.high = 1.0f + r;
    parts.low = (r - (parts.high - 1.0f)) + q;
    parts.n = n;
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
    p = p * r + 2.763154556763039e-07;
    p = p * r + 2.755723705444168e-06;
    p = p * r + 2.480148912026595e-05;
    p = p * r + 0.00019841269893337995;
    p = p * r + 0.001388888894791129;
    p = p * r + 0.008333333333318838;
    p = p * r + 0.04166666666651145;
    p = p * r + 0.1666666666666668;
    p = p * r + 0.5000000000000013;
    double q = p * (r * r) + ((above - r) - below);
    parts.high = 1.0 + r;
    parts.low = (r - (parts.high - 1.0)) + q;
    parts.n = n;
    return parts;
}
