// needs: sin shared/choose
// NumPy's sinc, sin(pi x) / (pi x), with pi x rounded.

static inline float sinc_float32(float x) {
    float angle = 3.14159265358979323f * choose_float32(x == 0.0f, 1.0e-20f, x);
    return sin_float32(angle) / angle;
}
