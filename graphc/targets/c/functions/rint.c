// needs: shared/choose
// The nearest whole number, of two the even one: an instruction, or else what adding
// and taking away 2^23 (2^52) leaves; larger numbers are whole.

static inline float rint_float32(float x) {
#if defined(__OPTIMIZE__) && (defined(__SSE4_1__) || defined(__aarch64__))
    return __builtin_rintf(x);
#else
    uint32_t sign = bits_of_float32(x) & 0x80000000u;
    float y = float32_of_bits(bits_of_float32(x) ^ sign);
    float whole = (y + 8388608.0f) - 8388608.0f;
    whole = choose_float32(y < 8388608.0f, whole, y);
    return float32_of_bits(bits_of_float32(whole) | sign);
#endif
}

static inline double rint_float64(double x) {
#if defined(__OPTIMIZE__) && (defined(__SSE4_1__) || defined(__aarch64__))
    return __builtin_rint(x);
#else
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double y = float64_of_bits(bits_of_float64(x) ^ sign);
    double whole = (y + 4503599627370496.0) - 4503599627370496.0;
    whole = choose_float64(y < 4503599627370496.0, whole, y);
    return float64_of_bits(bits_of_float64(whole) | sign);
#endif
}
