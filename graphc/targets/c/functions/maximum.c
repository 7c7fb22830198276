// needs: shared/choose
// NumPy's maximum: NaN where either is NaN; the first where both are equal.

static inline float maximum_float32(float x, float y) {
    return choose_float32(x >= y, x, choose_float32(x != x, x, y));
}

static inline double maximum_float64(double x, double y) {
    return choose_float64(x >= y, x, choose_float64(x != x, x, y));
}
