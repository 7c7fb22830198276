// needs: shared/exp_parts shared/erf_small shared/choose
// erfc x = 1 - erf x for |x| < 3/4. For y >= 3/4, erfc y = e^(-y^2) s (1 + P(t)), s = 1
// / (y + k), t = (y - k) s = 1 - 2 k s, as Shepherd and Laframboise have it (Math.
// Comp. 36, 1981), with k = 2 (2.5 for float32); erfc -y = 2 - erfc y. In float64 y^2
// is exact in two parts, what s and t lost to rounding is found by exact products, and
// D(t), near P'(t), says what P lost by that; the coefficient of t has two parts.
// float32 has its tail in float64, where e^(-y^2) is not denormal.
// Error: at most 1.60 ulp in float32, 1.95 ulp in float64.

static inline double erfc_tail_float32(double x) {
    double y = choose_float64(x > 10.5, 10.5, x);
    double s = 1.0 / (y + 2.5);
    double t = 1.0 - 5.0 * s;
    double p = -9.972640645163303e-05;
    p = p * t + 4.5004738242232074e-05;
    p = p * t + 0.0006993025198220176;
    p = p * t + -0.0004355175061983737;
    p = p * t + -0.004818401092355744;
    p = p * t + 0.008392582614507446;
    p = p * t + 0.02836153327860164;
    p = p * t + -0.17125112143107693;
    p = p * t + 0.4539141168094275;
    p = p * t + -0.8046518497833598;
    p = p * t + 0.054031820306262135;
    double square = -(y * y);
    double n = (square * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0;
    double r = square - n * 0.6931471805599453;
    double e = 0.0013950392014338096;
    e = e * r + 0.008368902482127422;
    e = e * r + 0.041666206799629756;
    e = e * r + 0.16666518700726654;
    e = e * r + 0.5000000094751773;
    e = 1.0 + (r + e * (r * r));
    double scale = float64_of_bits(bits_of_float64(n + 6755399441056767.0) << 52);
    return e * scale * (s + s * p);
}

static inline float erfc_float32(float x) {
    float y = choose_float32(x < 0.0f, -x, x);
    double tail = erfc_tail_float32((double) y);
    float small = 1.0f - erf_small_float32(x);
    float large = (float) choose_float64(x < 0.0f, 2.0 - tail, tail);
    return choose_float32(y < 0.75f, small, large);
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
    p = p * t + 2.997759047474605e-07;
    p = p * t + -1.5400453894986111e-06;
    p = p * t + 1.241519715276679e-07;
    p = p * t + 2.641809484139265e-06;
    p = p * t + 3.2905105519729215e-06;
    p = p * t + -1.263939399448513e-06;
    p = p * t + -1.5970239911576382e-05;
    p = p * t + -2.1694650567548464e-05;
    p = p * t + 3.4118784690385e-05;
    p = p * t + 0.00014447468030433266;
    p = p * t + 3.437471441439782e-05;
    p = p * t + -0.0006630741620497594;
    p = p * t + -0.0008372962609744123;
    p = p * t + 0.0030906121052871782;
    p = p * t + 0.006479185074097291;
    p = p * t + -0.02151066189094401;
    p = p * t + -0.03644223150697244;
    p = p * t + 0.27947209255607164;
    p = p * t + -0.6871606844138103;
    p = p * t;
    double d = 0.032396;
    d = d * t + -0.086043;
    d = d * t + -0.10933;
    d = d * t + 0.55894;
    d = d * t + -0.68716;
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
    double small = 1.0 - erf_small_float64(x);
    return choose_float64(y < 0.75, small, choose_float64(x < 0.0, 2.0 - tail, tail));
}
