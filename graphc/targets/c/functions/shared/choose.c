// needs: shared/bits
// yes or no, by their bits: of `test ? yes : no` GCC makes branches in place of
// vectors, or wrong vectors.

static inline float choose_float32(int test, float yes, float no) {
    uint32_t mask = -(uint32_t) test;
    uint32_t bits = (bits_of_float32(yes) & mask) | (bits_of_float32(no) & ~mask);
    return float32_of_bits(bits);
}

static inline double choose_float64(int test, double yes, double no) {
    uint64_t mask = -(uint64_t) test;
    uint64_t bits = (bits_of_float64(yes) & mask) | (bits_of_float64(no) & ~mask);
    return float64_of_bits(bits);
}
