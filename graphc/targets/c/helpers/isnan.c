// Test for NaN.

static inline bool isnan_float32(float x) {
    return x != x;
}
