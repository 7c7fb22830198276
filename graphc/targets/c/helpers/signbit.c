// needs: shared/bits
// True for a number with a minus sign, -0 and NaN included.

static inline bool signbit_float32(float x) {
    return bits_of_float32(x) >> 31 != 0;
}

static inline bool signbit_float64(double x) {
    return bits_of_float64(x) >> 63 != 0;
}
