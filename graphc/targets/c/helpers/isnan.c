// Test for NaN.

static inline bool isnan_float32(float x) {
    return x != x;
}

static inline bool isnan_float64(double x) {
    return x != x;
}
