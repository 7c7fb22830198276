// needs: maximum minimum
// x, not below low and not above high.

static inline float clip_float32(float x, float low, float high) {
    return minimum_float32(maximum_float32(x, low), high);
}
