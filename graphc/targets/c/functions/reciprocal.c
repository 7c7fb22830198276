// Reciprocal.

static inline float reciprocal_float32(float x) {
    return 1 / x;
}
