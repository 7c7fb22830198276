// needs: shared/bits
// x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), for a normal x > 0; and what
// log(1 + f) is besides f - f^2/2. float32: f^3 P(f). float64: with s = f / (2 + f),
// log(1 + f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + z P(z)), z = s^2, where z P(z) =
// 2 atanh(s)/s - 2 (the arrangement of FreeBSD's e_log.c).

struct log_steps_float32 { float k, f; };

static inline struct log_steps_float32 log_steps_float32(float x) {
    struct log_steps_float32 steps;
    uint32_t bits = bits_of_float32(x) - 0x3f3504f3u;
    steps.k = (float) ((int32_t) bits >> 23);
    steps.f = float32_of_bits((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    return steps;
}

static inline float log_rest_float32(float f) {
    float p = -0.07858792f;
    p = p * f + 0.1288148f;
    p = p * f + -0.13128848f;
    p = p * f + 0.1418116f;
    p = p * f + -0.16624549f;
    p = p * f + 0.20002294f;
    p = p * f + -0.2500081f;
    p = p * f + 0.33333316f;
    return p * f * (f * f);
}

struct log_steps_float64 { double k, f; };

static inline struct log_steps_float64 log_steps_float64(double x) {
    struct log_steps_float64 steps;
    uint64_t bits = bits_of_float64(x) - 0x3fe6a09e667f3bcdu + 0x4000000000000000u;
    steps.k = float64_of_bits((bits >> 52) | 0x4330000000000000u) - 4503599627371520.0;
    bits = (bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu;
    steps.f = float64_of_bits(bits) - 1.0;
    return steps;
}

static inline double log_rest_float64(double f) {
    double s = f / (2.0 + f);
    double z = s * s;
    double p = 0.14795586986892278;
    p = p * z + 0.1531408916088828;
    p = p * z + 0.18183562696566974;
    p = p * z + 0.22222198607705348;
    p = p * z + 0.2857142874200657;
    p = p * z + 0.3999999999941671;
    p = p * z + 0.6666666666666734;
    return s * (0.5 * f * f + z * p);
}
