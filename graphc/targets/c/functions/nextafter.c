// needs: shared/choose
// The number next to x on the way to y.

static inline float nextafter_float32(float x, float y) {
    uint32_t bits = bits_of_float32(x);
    int is_away = (x < y) == (x > 0.0f);
    bits += 2 * (uint32_t)is_away - 1;
    uint32_t smallest = (bits_of_float32(y) & 0x80000000u) | 1u;
    float next = float32_of_bits(bits);
    next = choose_float32(x == 0.0f, float32_of_bits(smallest), next);
    next = choose_float32(x == y, y, next);
    return choose_float32((x != x) | (y != y), x + y, next);
}

static inline double nextafter_float64(double x, double y) {
    uint64_t bits = bits_of_float64(x);
    int is_away = (x < y) == (x > 0.0);
    bits += 2 * (uint64_t)is_away - 1;
    uint64_t smallest = (bits_of_float64(y) & 0x8000000000000000u) | 1u;
    double next = float64_of_bits(bits);
    next = choose_float64(x == 0.0, float64_of_bits(smallest), next);
    next = choose_float64(x == y, y, next);
    return choose_float64((x != x) | (y != y), x + y, next);
}
