// needs: shared/scale shared/choose shared/fused
// e^x - 1 = 2^n (high + low): n, r and q as in exp_parts, with a polynomial for less
// error; high = (1 - 2^-n) + r, and low is its rounding error (Fast2Sum of Dekker: |1 -
// 2^-n| >= |r| unless n = 0, where the sum is r itself), with q. Below -50 the result
// does not change.

struct expm1_parts_float32 { float high, low, n; };

static inline struct expm1_parts_float32 expm1_parts_float32(float x) {
    struct expm1_parts_float32 parts;
    float n = (x * 1.442695f + 12582912.0f) - 12582912.0f;
    float above = x - n * 0.693359375f;
    float below = n * -2.1219444e-4f;
    float r = above - below;
    float p = 0.00019945095f;
    p = fused_float32(p, r, 0.0013932665f);
    p = fused_float32(p, r, 0.008333207f);
    p = fused_float32(p, r, 0.04166649f);
    p = fused_float32(p, r, 0.16666667f);
    p = fused_float32(p, r, 0.5f);
    float q = p * (r * r) + ((above - r) - below);
    float m = choose_float32(n > 60.0f, 60.0f, n);
    float one = 1.0f - float32_of_bits(bits_of_float32(12583039.0f - m) << 23);
    parts.high = one + r;
    parts.low = (r - (parts.high - one)) + q;
    parts.n = n;
    return parts;
}

struct expm1_parts_float64 { double high, low, n; };

static inline struct expm1_parts_float64 expm1_parts_float64(double x) {
    struct expm1_parts_float64 parts;
    double n = (x * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0;
    double above = x - n * 0x1.62e42fefa0000p-1;
    double below = n * 0x1.cf79abc9e3b3ap-40;
    double r = above - below;
    double p = 2.09199375141092e-09;
    p = fused_float64(p, r, 2.5109159470458164e-08);
    p = fused_float64(p, r, 2.755725798619015e-07);
    p = fused_float64(p, r, 2.7557243828137834e-06);
    p = fused_float64(p, r, 2.4801587341720526e-05);
    p = fused_float64(p, r, 0.0001984126988654209);
    p = fused_float64(p, r, 0.0013888888888877124);
    p = fused_float64(p, r, 0.008333333333321447);
    p = fused_float64(p, r, 0.04166666666666668);
    p = fused_float64(p, r, 0.16666666666666677);
    p = fused_float64(p, r, 0.5);
    double q = p * (r * r) + ((above - r) - below);
    double m = choose_float64(n > 100.0, 100.0, n);
    double one = 1.0 - float64_of_bits(bits_of_float64(6755399441056767.0 - m) << 52);
    parts.high = one + r;
    parts.low = (r - (parts.high - one)) + q;
    parts.n = n;
    return parts;
}
