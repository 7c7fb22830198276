// Square.

static inline float square_float32(float x) {
    return x * x;
}
