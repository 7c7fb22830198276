// Test for an infinity.

static inline bool isinf_float32(float x) {
    return x == x && x - x != 0;
}
