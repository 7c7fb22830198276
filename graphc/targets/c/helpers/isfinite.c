// Test for a number: x - x is NaN of what is none.

static inline bool isfinite_float32(float x) {
    return x - x == 0;
}
