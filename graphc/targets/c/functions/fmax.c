// needs: shared/choose
// The larger one of two numbers, of which one may be NaN.

static inline float fmax_float32(float x, float y) {
    return choose_float32((x >= y) | (y != y), x, y);
}
