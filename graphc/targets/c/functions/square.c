// Square.

static inline float square_float32(float x) {
    return x * x;
}

static inline double square_float64(double x) {
    return x * x;
}
