// needs: shared/choose
// The distance from x to the next number away from 0, with the sign of x.

static inline float spacing_float32(float x) {
    float next = float32_of_bits(bits_of_float32(x) + 1);
    return choose_float32(x == 0.0f, 0x1p-149f, next - x);
}

static inline double spacing_float64(double x) {
    double next = float64_of_bits(bits_of_float64(x) + 1);
    return choose_float64(x == 0.0, 0x1p-1074, next - x);
}
