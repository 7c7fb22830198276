// needs: rint shared/choose
// The least whole number that is not below x, from the nearest one, as in floor.

static inline float ceil_float32(float x) {
    float whole = rint_float32(x);
    whole += choose_float32(whole < x, 1.0f, 0.0f);
    uint32_t sign = bits_of_float32(x) & 0x80000000u;
    return float32_of_bits(bits_of_float32(whole) | sign);
}

static inline double ceil_float64(double x) {
    double whole = rint_float64(x);
    whole += choose_float64(whole < x, 1.0, 0.0);
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    return float64_of_bits(bits_of_float64(whole) | sign);
}
