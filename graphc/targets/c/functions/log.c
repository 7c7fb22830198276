// needs: shared/bits shared/choose
// x = 2^k m with sqrt(1/2) <= m < sqrt(2), f = m - 1; log x = k ln 2 + log(1 + f).
// float32: log(1 + f) = f - f^2/2 + f^3 P(f). float64: with s = f / (2 + f), log(1 + f)
// = 2 atanh(s) = f - f^2/2 + s (f^2/2 + z P(z)), z = s^2, where z P(z) = 2 atanh(s)/s -
// 2 (the arrangement of FreeBSD's e_log.c). Denormals are scaled first.
// Error: at most 0.95 ulp in float32, 0.90 ulp in float64.

static inline float log_float32(float x) {
    int is_small = x < 1.17549435e-38f;
    float y = choose_float32(is_small, x * 33554432.0f, x);
    uint32_t bits = bits_of_float32(y) - 0x3f3504f3u;
    float k = (float) ((int32_t) bits >> 23) - choose_float32(is_small, 25.0f, 0.0f);
    float f = float32_of_bits((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    float square = f * f;
    float p = -0.07858792f;
    p = p * f + 0.1288148f;
    p = p * f + -0.13128848f;
    p = p * f + 0.1418116f;
    p = p * f + -0.16624549f;
    p = p * f + 0.20002294f;
    p = p * f + -0.2500081f;
    p = p * f + 0.33333316f;
    p = p * f * square + k * -2.1219444e-4f;
    float result = (f - (0.5f * square - p)) + k * 0.693359375f;
    result = choose_float32(x < float32_of_bits(0x7f800000u), result, x);
    result = choose_float32(x == 0.0f, -float32_of_bits(0x7f800000u), result);
    return choose_float32(x < 0.0f, float32_of_bits(0x7fc00000u), result);
}

static inline double log_float64(double x) {
    int is_small = x < 2.2250738585072014e-308;
    double y = choose_float64(is_small, x * 18014398509481984.0, x);
    uint64_t bits = bits_of_float64(y) - 0x3fe6a09e667f3bcdu + 0x4000000000000000u;
    double k = float64_of_bits((bits >> 52) | 0x4330000000000000u) -
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
    double result = k * 0x1.62e42fefa0000p-1 -
                    ((half - (s * (half + z * p) + k * 0x1.cf79abc9e3b3ap-40)) - f);
    result = choose_float64(x < float64_of_bits(0x7ff0000000000000u), result, x);
    result = choose_float64(x == 0.0, -float64_of_bits(0x7ff0000000000000u), result);
    return choose_float64(x < 0.0, float64_of_bits(0x7ff8000000000000u), result);
}
