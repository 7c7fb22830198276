// needs: rint
// The least whole number that is not below x: an instruction, or else made of the
// nearest whole number.

static inline float ceil_float32(float x) {
#if defined(__OPTIMIZE__) && (defined(__SSE4_1__) || defined(__aarch64__))
    return __builtin_ceilf(x);
#else
    float whole = rint_float32(x);
    whole = whole < x ? whole + 1.0f : whole;
    return float32_of_bits(bits_of_float32(whole) | (bits_of_float32(x) & 0x80000000u));
#endif
}

static inline double ceil_float64(double x) {
#if defined(__OPTIMIZE__) && (defined(__SSE4_1__) || defined(__aarch64__))
    return __builtin_ceil(x);
#else
    double whole = rint_float64(x);
    whole = whole < x ? whole + 1.0 : whole;
    return float64_of_bits(bits_of_float64(whole) |
                           (bits_of_float64(x) & 0x8000000000000000u));
#endif
}
