// needs: shared/choose
// 0 for negative x, 1 for positive, y at 0.

static inline float heaviside_float32(float x, float y) {
    float step = choose_float32(x > 0.0f, 1.0f, 0.0f);
    step = choose_float32(x == 0.0f, y, step);
    return choose_float32(x != x, x, step);
}
