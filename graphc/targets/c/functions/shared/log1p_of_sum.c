// needs: shared/bits shared/choose
// log(1 + x + low) for finite x > -1 and |low| <= ulp(x), as in log1p, whose c takes
// low in.

static inline double log1p_of_sum(double x, double low) {
    double u = 1.0 + x;
    double lost = choose_float64(u > 2.0, 1.0 - (u - x), x - (u - 1.0));
    uint64_t bits = bits_of_float64(u) - 0x3fe6a09e667f3bcdu + 0x4000000000000000u;
    double k = float64_of_bits((bits >> 52) | 0x4330000000000000u) - 4503599627371520.0;
    double f =
        float64_of_bits((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
    f = choose_float64(k == 0.0, x, f);
    double c = (choose_float64(k == 0.0, 0.0, lost) + low) / u;
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
    double rest = k * 0x1.cf79abc9e3b3ap-40 + c;
    return k * 0x1.62e42fefa0000p-1 -
           ((half - (s * (half + z * p) + rest)) - f);
}
