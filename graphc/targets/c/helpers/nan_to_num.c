// needs: shared/choose
// x, or numbers in place of NaN and of the infinities.

static inline float nan_to_num_float32(float x, float nan, float above, float below) {
    float infinity = float32_of_bits(0x7f800000u);
    float finite = choose_float32(x == infinity, above, x);
    finite = choose_float32(x == -infinity, below, finite);
    return choose_float32(x != x, nan, finite);
}

static inline double nan_to_num_float64(
    double x, double nan, double above, double below) {
    double infinity = float64_of_bits(0x7ff0000000000000u);
    double finite = choose_float64(x == infinity, above, x);
    finite = choose_float64(x == -infinity, below, finite);
    return choose_float64(x != x, nan, finite);
}
