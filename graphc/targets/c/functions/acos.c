// needs: shared/asin_tail shared/choose
// acos x = pi/2 - asin x for |x| < 1/2, else 2 asin(sqrt((1 - |x|) / 2)), or pi less
// that for x < 0, with pi in two parts. float32 is computed in float64.
// Error: at most 0.51 ulp in float32, 1.15 ulp in float64.

static inline double acos_float64(double x) {
    double y = choose_float64(x < 0.0, -x, x);
    double z = choose_float64(y < 0.5, x * x, 0.5 * (1.0 - y));
    double s = choose_float64(y < 0.5, x, __builtin_sqrt(z));
    double rest = s * asin_tail(z);
    double middle = 0x1.921fb54442d18p+0 - (s + (rest - 0x1.1a62633145c07p-54));
    double right = 2.0 * (s + rest);
    double left = 0x1.921fb54442d18p+1 - 2.0 * (s + (rest - 0x1.1a62633145c07p-54));
    return choose_float64(y < 0.5, middle, choose_float64(x < 0.0, left, right));
}

static inline float acos_float32(float x) {
    return (float) acos_float64((double) x);
}
