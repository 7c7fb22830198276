// needs: shared/bits
// x * 2^n for a whole n, rounded once: where the result is denormal, or 2^n itself is
// out of range, too. Of the two factors the first is 2^64 (2^512) or, for a negative n,
// its inverse, where |x| may not be below 1/4. Adding 1.5 * 2^23 (2^52) puts a whole
// number into the lowest bits, from where a shift makes it an exponent; twice the bias
// is added, since each factor has it. |n| <= 190, |n| <= 1534.

static inline float scale_float32(float x, float n) {
    uint32_t first = ((bits_of_float32(n) >> 1) & 0x40000000u) ^ 0x5f800000u;
    uint32_t second = (bits_of_float32(n + 12583166.0f) << 23) - first;
    return x * float32_of_bits(first) * float32_of_bits(second);
}

static inline double scale_float64(double x, double n) {
    uint64_t first =
        ((bits_of_float64(n) >> 1) & 0x4000000000000000u) ^ 0x5ff0000000000000u;
    uint64_t second = (bits_of_float64(n + 6755399441057790.0) << 52) - first;
    return x * float64_of_bits(first) * float64_of_bits(second);
}
