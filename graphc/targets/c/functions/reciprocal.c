// Reciprocal.

static inline float reciprocal_float32(float x) {
    return 1 / x;
}

static inline double reciprocal_float64(double x) {
    return 1 / x;
}
