// NumPy's sign: -1, 0 or 1; NaN of NaN.

static inline float sign_float32(float x) {
    float result = x > 0.0f ? 1.0f : 0.0f;
    result = x < 0.0f ? -1.0f : result;
    return x != x ? x : result;
}
