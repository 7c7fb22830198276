// needs: shared/bits
// The size of x with the sign of y.

static inline float copysign_float32(float x, float y) {
    uint32_t size = bits_of_float32(x) & 0x7fffffffu;
    return float32_of_bits(size | (bits_of_float32(y) & 0x80000000u));
}

static inline double copysign_float64(double x, double y) {
    uint64_t size = bits_of_float64(x) & 0x7fffffffffffffffu;
    return float64_of_bits(size | (bits_of_float64(y) & 0x8000000000000000u));
}
