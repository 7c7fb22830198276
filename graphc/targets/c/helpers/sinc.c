// needs: sin shared/choose
// NumPy's sinc, sin(pi x) / (pi x), with pi x rounded.

static inline float sinc_float32(float x) {
    float angle = 3.14159265358979323f * choose_float32(x == 0.0f, 1.0e-20f, x);
    return sin_float32(angle) / angle;
}

static inline double sinc_float64(double x) {
    double angle = 3.14159265358979323 * choose_float64(x == 0.0, 1.0e-20, x);
    return sin_float64(angle) / angle;
}
