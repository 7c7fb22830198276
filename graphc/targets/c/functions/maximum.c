// NumPy's maximum: NaN where either is NaN; the first where both are equal.

static inline float maximum_float32(float x, float y) {
    return x >= y ? x : (x != x ? x : y);
}

static inline double maximum_float64(double x, double y) {
    return x >= y ? x : (x != x ? x : y);
}
