// needs: shared/log_steps shared/choose
// log(1 + x + low) for finite x > -1 and |low| <= ulp(x), as in log1p, whose c takes
// low in.

static inline double log1p_of_sum(double x, double low) {
    double u = 1.0 + x;
    double lost = choose_float64(u > 2.0, 1.0 - (u - x), x - (u - 1.0));
    struct log_steps_float64 steps = log_steps_float64(u);
    double k = steps.k;
    double f = choose_float64(k == 0.0, x, steps.f);
    double c = (choose_float64(k == 0.0, 0.0, lost) + low) / u;
    double rest = log_rest_float64(f) + (k * 0x1.cf79abc9e3b3ap-40 + c);
    return k * 0x1.62e42fefa0000p-1 - ((0.5 * f * f - rest) - f);
}
