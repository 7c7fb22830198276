// needs: fmod
// NumPy's remainder: x - floor(x / y) y, with the sign of y (not that of C's
// `remainder`).

static inline float remainder_float32(float x, float y) {
    float rest = fmod_float32(x, y);
    uint32_t sign = bits_of_float32(y) & 0x80000000u;
    float moved = (y < 0.0f) != (rest < 0.0f) ? rest + y : rest;
    return rest == 0.0f ? float32_of_bits(sign) : moved;
}

static inline double remainder_float64(double x, double y) {
    double rest = fmod_float64(x, y);
    uint64_t sign = bits_of_float64(y) & 0x8000000000000000u;
    double moved = (y < 0.0) != (rest < 0.0) ? rest + y : rest;
    return rest == 0.0 ? float64_of_bits(sign) : moved;
}
