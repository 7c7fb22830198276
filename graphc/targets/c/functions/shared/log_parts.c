// needs: shared/bits shared/choose
// log x = k ln 2 + (high + low) for a finite x > 0: k and f as in log; high = f - f^2/2
// with the lower half of its bits cleared, so that its product with a short factor is
// exact, and low = what that lost + s (f^2/2 + z P(z)) (the arrangement of FreeBSD's
// e_log10.c).

struct log_parts_float64 { double k, high, low; };

static inline struct log_parts_float64 log_parts_float64(double x) {
    struct log_parts_float64 parts;
    int is_small = x < 2.2250738585072014e-308;
    double y = choose_float64(is_small, x * 18014398509481984.0, x);
    uint64_t bits = bits_of_float64(y) - 0x3fe6a09e667f3bcdu + 0x4000000000000000u;
    parts.k = float64_of_bits((bits >> 52) | 0x4330000000000000u) -
              choose_float64(is_small, 4503599627371574.0, 4503599627371520.0);
    double f =
        float64_of_bits((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
    double s = f / (2.0 + f);
    double z = s * s;
    double p = 0.14795586986892278;
    p = p * z + 0.1531408916088828;
    p = p * z + 0.18183562696566974;
    p = p * z + 0.22222198607705348;
    p = p * z + 0.2857142874200657;
    p = p * z + 0.3999999999941671;
    p = p * z + 0.6666666666666734;
    double half = 0.5 * f * f;
    parts.high = float64_of_bits(bits_of_float64(f - half) & 0xffffffff00000000u);
    parts.low = ((f - parts.high) - half) + s * (half + z * p);
    return parts;
}
