// needs: sqrt
// 1 / sqrt(x), rounded twice.
// Error: at most 1.60 ulp in float32, 1.60 ulp in float64.

static inline float rsqrt_float32(float x) {
    return 1.0f / sqrt_float32(x);
}
