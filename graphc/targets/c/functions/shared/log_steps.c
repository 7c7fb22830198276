// needs: shared/choose shared/fused
// x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), for a normal x > 0, or for any
// finite one: denormals are scaled first. What log(1 + f) is besides f: in float32 the
// factor of f^2, f P(f) - 1/2; in float64 what there is besides f - f^2/2: with s = f /
// (2 + f), log(1 + f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + z P(z)), z = s^2, where
// z P(z) = 2 atanh(s)/s - 2 (the arrangement of FreeBSD's e_log.c). What a logarithm is
// where x is 0, negative, infinite or NaN.

struct log_steps_float32 { float k, f; };

static inline struct log_steps_float32 log_steps_float32(float x) {
    struct log_steps_float32 steps;
    uint32_t bits = bits_of_float32(x) - 0x3f3504f3u;
    steps.k = (float) ((int32_t) bits >> 23);
    steps.f = float32_of_bits((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    return steps;
}

static inline struct log_steps_float32 log_steps_of_any_float32(float x) {
    int is_small = x < 1.17549435e-38f;
    float scaled = choose_float32(is_small, x * 33554432.0f, x);
    struct log_steps_float32 steps = log_steps_float32(scaled);
    steps.k = steps.k - choose_float32(is_small, 25.0f, 0.0f);
    return steps;
}

static inline float log_special_float32(float x, float result) {
    result = choose_float32(x < float32_of_bits(0x7f800000u), result, x);
    result = choose_float32(x == 0.0f, -float32_of_bits(0x7f800000u), result);
    return choose_float32(x < 0.0f, float32_of_bits(0x7fc00000u), result);
}

static inline float log_factor_float32(float f) {
    float p = -0.07858792f;
    p = fused_float32(p, f, 0.1288148f);
    p = fused_float32(p, f, -0.13128848f);
    p = fused_float32(p, f, 0.1418116f);
    p = fused_float32(p, f, -0.16624549f);
    p = fused_float32(p, f, 0.20002294f);
    p = fused_float32(p, f, -0.2500081f);
    p = fused_float32(p, f, 0.33333316f);
    return fused_float32(p, f, -0.5f);
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

static inline struct log_steps_float64 log_steps_of_any_float64(double x) {
    int is_small = x < 2.2250738585072014e-308;
    double scaled = choose_float64(is_small, x * 18014398509481984.0, x);
    struct log_steps_float64 steps = log_steps_float64(scaled);
    steps.k = steps.k - choose_float64(is_small, 54.0, 0.0);
    return steps;
}

static inline double log_special_float64(double x, double result) {
    result = choose_float64(x < float64_of_bits(0x7ff0000000000000u), result, x);
    result = choose_float64(x == 0.0, -float64_of_bits(0x7ff0000000000000u), result);
    return choose_float64(x < 0.0, float64_of_bits(0x7ff8000000000000u), result);
}

static inline double log_rest_float64(double f) {
    double s = f / (2.0 + f);
    double z = s * s;
    double p = 0.14795586986892278;
    p = fused_float64(p, z, 0.1531408916088828);
    p = fused_float64(p, z, 0.18183562696566974);
    p = fused_float64(p, z, 0.22222198607705348);
    p = fused_float64(p, z, 0.2857142874200657);
    p = fused_float64(p, z, 0.3999999999941671);
    p = fused_float64(p, z, 0.6666666666666734);
    return s * (0.5 * f * f + z * p);
}
