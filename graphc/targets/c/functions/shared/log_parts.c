// needs: shared/log_steps
// log x = k ln 2 + (high + low) for a finite x > 0: k and f as in log_steps; high is
// f - f^2/2 with the lower half of its bits cleared, so that its product with a short
// factor is exact, and low what that lost and the rest (the arrangement of FreeBSD's
// e_log10.c).

struct log_parts_float64 { double k, high, low; };

static inline struct log_parts_float64 log_parts_float64(double x) {
    struct log_parts_float64 parts;
    struct log_steps_float64 steps = log_steps_of_any_float64(x);
    parts.k = steps.k;
    double f = steps.f;
    double half = 0.5 * f * f;
    parts.high = float64_of_bits(bits_of_float64(f - half) & 0xffffffff00000000u);
    parts.low = ((f - parts.high) - half) + log_rest_float64(f);
    return parts;
}
