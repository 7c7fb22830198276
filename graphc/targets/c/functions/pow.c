// needs: rint shared/log_steps shared/scale shared/choose shared/fused
// |x|^y = 2^w, w = y log2 |x|. For float64 log2 |x| = k + (2 / (3 ln 2)) s (3 + z + z^2
// P(z)) with s = f / (2 + f), z = s^2, each step in two parts, the first of them short
// enough for exact products (the arrangement of FreeBSD's e_pow.c); float32 is computed
// in float64. Special cases are those of C99 and of NumPy.
// Error: at most 0.51 ulp in float32, 1.30 ulp in float64.

static inline double pow_of_parts(double x, double y, double magnitude) {
    double infinity = float64_of_bits(0x7ff0000000000000u);
    double size = float64_of_bits(bits_of_float64(x) & 0x7fffffffffffffffu);
    int is_whole = rint_float64(y) == y;
    int is_odd = is_whole & (rint_float64(0.5 * y) != 0.5 * y);
    int falls = y < 0.0;
    double of_zero = choose_float64(falls, infinity, 0.0);
    double of_infinity = choose_float64(falls, 0.0, infinity);
    double result = choose_float64(size == 0.0, of_zero, magnitude);
    result = choose_float64(size == infinity, of_infinity, result);
    int is_real = (x >= 0.0) | (size == infinity) | is_whole;
    result = choose_float64(is_real, result, float64_of_bits(0x7ff8000000000000u));
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u & -(uint64_t)is_odd;
    result = float64_of_bits(bits_of_float64(result) ^ sign);
    result = choose_float64((x != x) | (y != y), x + y, result);
    return choose_float64((y == 0.0) | (x == 1.0), 1.0, result);
}

static inline float pow_float32(float x, float y) {
    double size = float32_of_bits(bits_of_float32(x) & 0x7fffffffu);
    struct log_steps_float64 steps = log_steps_float64(size);
    double s = steps.f / (2.0 + steps.f);
    double z = s * s;
    double p = 0.27934579208966387;
    p = fused_float64(p, z, 0.3201541495526847);
    p = fused_float64(p, z, 0.4122032871923394);
    p = fused_float64(p, z, 0.5770779989980118);
    p = fused_float64(p, z, 0.9617966939362006);
    double w = (double)y * (steps.k + (s * 2.8853900817779268 + p * (z * s)));
    // y may be infinite.
    w = choose_float64(size == 1.0, 0.0, w);
    w = choose_float64(w > 200.0, 200.0, w);
    w = choose_float64(w < -200.0, -200.0, w);
    double shifted = w + 6755399441055744.0;
    double r = w - (shifted - 6755399441055744.0);
    double q = 1.3246388123531818e-06;
    q = fused_float64(q, r, 1.529732378559499e-05);
    q = fused_float64(q, r, 0.0001540349175134078);
    q = fused_float64(q, r, 0.0013333502386072558);
    q = fused_float64(q, r, 0.00961812911970721);
    q = fused_float64(q, r, 0.05550410883909695);
    q = fused_float64(q, r, 0.24022650695910067);
    q = 1.0 + (q * (r * r) + r * 0.6931471805599453);
    double power = float64_of_bits((bits_of_float64(shifted) + 1023) << 52);
    return (float)pow_of_parts((double)x, (double)y, q * power);
}

static inline double pow_float64(double x, double y) {
    double size = float64_of_bits(bits_of_float64(x) & 0x7fffffffffffffffu);
    struct log_steps_float64 steps = log_steps_of_any_float64(size);
    double k = steps.k;
    double f = steps.f;
    double m = 1.0 + f;
    double bottom = 2.0 + f;
    double bottom_low = m - (bottom - 1.0);
    double inverse = 1.0 / bottom;
    double s = f * inverse;
    double s_high = float64_of_bits(bits_of_float64(s) & 0xfffffffff8000000u);
    double bottom_high = float64_of_bits(bits_of_float64(bottom) & 0xfffffffff8000000u);
    bottom_low = (bottom - bottom_high) + bottom_low;
    double s_low = ((f - s_high * bottom_high) - s_high * bottom_low) * inverse;
    s = s_high + s_low;
    double z = s * s;
    double p = 0.1979434950964509;
    p = fused_float64(p, z, 0.19885240684567929);
    p = fused_float64(p, z, 0.2308013546176224);
    p = fused_float64(p, z, 0.272726765605466);
    p = fused_float64(p, z, 0.33333333779796076);
    p = fused_float64(p, z, 0.42857142855149677);
    p = fused_float64(p, z, 0.6000000000000338);
    double square = s_high * s_high;
    double rest = p * (z * z) + s_low * (s_high + s);
    double t = 3.0 + (square + rest);
    double t_high = float64_of_bits(bits_of_float64(t) & 0xfffffffff8000000u);
    double t_low = rest - ((t_high - 3.0) - square);
    double u = s_high * t_high;
    double v = s_low * t_high + t_low * s;
    double product = u + v;
    double product_high =
        float64_of_bits(bits_of_float64(product) & 0xfffffffff8000000u);
    double product_low = v - (product_high - u);
    double high = product_high * 0x1.ec709dp-1;
    double low = product_high * 0x1.87407fae93f83p-26;
    low = low + product_low * 0x1.ec709dc3a03fdp-1;
    double sum = k + (high + low);
    double log_high = float64_of_bits(bits_of_float64(sum) & 0xfffffffff8000000u);
    double log_low = low - ((log_high - k) - high);
    double limited = choose_float64(y > 0x1p66, 0x1p66, y);
    limited = choose_float64(limited < -0x1p66, -0x1p66, limited);
    double y_high = float64_of_bits(bits_of_float64(limited) & 0xfffffffff8000000u);
    double w_high = y_high * log_high;
    double w_low = (limited - y_high) * log_high + limited * log_low;
    w_low = choose_float64((w_high > 1100.0) | (w_high < -1100.0), 0.0, w_low);
    w_high = choose_float64(w_high > 1100.0, 1100.0, w_high);
    w_high = choose_float64(w_high < -1100.0, -1100.0, w_high);
    double n = ((w_high + w_low) + 6755399441055744.0) - 6755399441055744.0;
    double above = w_high - n;
    double r = above + w_low;
    double r_low = w_low - (r - above);
    double q = 4.4563983488561174e-10;
    q = fused_float64(q, r, 7.073859189576457e-09);
    q = fused_float64(q, r, 1.0178053521082333e-07);
    q = fused_float64(q, r, 1.3215434822151186e-06);
    q = fused_float64(q, r, 1.5252733849043023e-05);
    q = fused_float64(q, r, 0.00015403530458071266);
    q = fused_float64(q, r, 0.0013333558146400503);
    q = fused_float64(q, r, 0.009618129107593335);
    q = fused_float64(q, r, 0.05550410866482164);
    q = fused_float64(q, r, 0.24022650695910133);
    q = q * (r * r) + r_low * 0.6931471805599453;
    double magnitude = scale_float64(1.0 + (q + r * 0.6931471805599453), n);
    return pow_of_parts(x, y, magnitude);
}
