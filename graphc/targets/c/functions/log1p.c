// needs: shared/bits shared/choose
// u = 1 + x loses c: log(1 + x) = log u + c / u, and log u as in log. Near 0 (u is not
// scaled) x itself stands for f = u - 1, and c for 0.
// Error: at most 1.00 ulp in float32, 0.95 ulp in float64.

static inline float log1p_float32(float x) {
    float u = 1.0f + x;
    float c = choose_float32(u > 2.0f, 1.0f - (u - x), x - (u - 1.0f)) / u;
    uint32_t bits = bits_of_float32(u) - 0x3f3504f3u;
    float k = (float) ((int32_t) bits >> 23);
    float f = float32_of_bits((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    f = choose_float32(k == 0.0f, x, f);
    c = choose_float32(k == 0.0f, 0.0f, c);
    float square = f * f;
    float p = -0.07858792f;
    p = p * f + 0.1288148f;
    p = p * f + -0.13128848f;
    p = p * f + 0.1418116f;
    p = p * f + -0.16624549f;
    p = p * f + 0.20002294f;
    p = p * f + -0.2500081f;
    p = p * f + 0.33333316f;
    p = p * f * square + (k * -2.1219444e-4f + c);
    float result = (f - (0.5f * square - p)) + k * 0.693359375f;
    result = choose_float32(x < float32_of_bits(0x7f800000u), result, x);
    result = choose_float32(x == 0.0f, x, result);
    result = choose_float32(x == -1.0f, -float32_of_bits(0x7f800000u), result);
    return choose_float32(x < -1.0f, float32_of_bits(0x7fc00000u), result);
}

static inline double log1p_float64(double x) {
    double u = 1.0 + x;
    double c = choose_float64(u > 2.0, 1.0 - (u - x), x - (u - 1.0)) / u;
    uint64_t bits = bits_of_float64(u) - 0x3fe6a09e667f3bcdu + 0x4000000000000000u;
    double k = float64_of_bits((bits >> 52) | 0x4330000000000000u) - 4503599627371520.0;
    double f =
        float64_of_bits((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
    f = choose_float64(k == 0.0, x, f);
    c = choose_float64(k == 0.0, 0.0, c);
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
    double result =
        k * 0x1.62e42fefa0000p-1 - ((half - (s * (half + z * p) + rest)) - f);
    result = choose_float64(x < float64_of_bits(0x7ff0000000000000u), result, x);
    result = choose_float64(x == 0.0, x, result);
    result = choose_float64(x == -1.0, -float64_of_bits(0x7ff0000000000000u), result);
    return choose_float64(x < -1.0, float64_of_bits(0x7ff8000000000000u), result);
}
