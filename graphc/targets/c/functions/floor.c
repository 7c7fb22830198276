// needs: rint shared/choose
// The greatest whole number that is not above x, from the nearest one: of the
// instruction for it GCC makes no vectors without -fno-trapping-math.

static inline float floor_float32(float x) {
    float whole = rint_float32(x);
    whole -= choose_float32(whole > x, 1.0f, 0.0f);
    uint32_t sign = bits_of_float32(x) & 0x80000000u;
    return float32_of_bits(bits_of_float32(whole) | sign);
}

static inline double floor_float64(double x) {
    double whole = rint_float64(x);
    whole -= choose_float64(whole > x, 1.0, 0.0);
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    return float64_of_bits(bits_of_float64(whole) | sign);
}
