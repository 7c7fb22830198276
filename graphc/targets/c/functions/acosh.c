// needs: shared/log1p_of_sum shared/choose
// acosh x = log(1 + t + sqrt(t (t + 2))), t = x - 1, or log(x) + ln 2 where x is large.
// float32 is computed in float64.
// Error: at most 0.51 ulp in float32, 1.75 ulp in float64.

static inline double acosh_float64(double x) {
    int is_large = x > 0x1p+60;
    double t = choose_float64(is_large, 1.0, x - 1.0);
    double root = __builtin_sqrt(t * (t + 2.0));
    double y = t + root;
    double low = choose_float64(root > t, (root - y) + t, (t - y) + root);
    low = choose_float64(is_large, 0.0, low);
    double sum = log1p_of_sum(choose_float64(is_large, x, y), low);
    double result = choose_float64(is_large, sum + 0.6931471805599453, sum);
    result = choose_float64(x == 1.0, 0.0, result);
    result = choose_float64(x < float64_of_bits(0x7ff0000000000000u), result, x);
    return choose_float64(x < 1.0, float64_of_bits(0x7ff8000000000000u), result);
}

static inline float acosh_float32(float x) {
    return (float) acosh_float64((double) x);
}
