// The square root is an instruction wherever C compilers are found; rounded correctly.

static inline float sqrt_float32(float x) {
    return __builtin_sqrtf(x);
}
