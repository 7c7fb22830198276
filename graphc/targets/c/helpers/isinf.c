// Test for an infinity.

static inline bool isinf_float32(float x) {
    return x == x && x - x != 0;
}

static inline bool isinf_float64(double x) {
    return x == x && x - x != 0;
}
