// Absolute value; of a negative zero, zero.

static inline float absolute_float32(float x) {
    return __builtin_fabsf(x);
}
