// needs: shared/choose
// NumPy's minimum: NaN where either is NaN; the first where both are equal.

static inline float minimum_float32(float x, float y) {
    return choose_float32(y != y, y, choose_float32(x > y, y, x));
}
