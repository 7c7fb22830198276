// needs: shared/bits
// x * 2^n for any n, rounded once: each factor but the last keeps more digits than a
// denormal number has.

static inline double ldexp_float64(double x, int64_t n) {
    n = n > 2200 ? 2200 : n;
    n = n < -2200 ? -2200 : n;
    for (int turn = 0; turn < 2; turn++) {
        int64_t step = n > 1023 ? 1023 : n;
        step = n < -1022 ? -969 : step;
        step = (n >= -1022) & (n <= 1023) ? 0 : step;
        x *= float64_of_bits((uint64_t)(step + 1023) << 52);
        n -= step;
    }
    n = n > 1023 ? 1023 : n;
    n = n < -1022 ? -1022 : n;
    return x * float64_of_bits((uint64_t)(n + 1023) << 52);
}

static inline float ldexp_float32(float x, int64_t n) {
    n = n > 500 ? 500 : n;
    n = n < -500 ? -500 : n;
    return (float)((double)x * float64_of_bits((uint64_t)(n + 1023) << 52));
}
