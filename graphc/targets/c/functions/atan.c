// needs: shared/bits shared/atan_of_ratio
// atan |x| with the sign of x, see atan_of_ratio. float32 is computed in float64.
// Error: at most 0.51 ulp in float32, 1.70 ulp in float64.

static inline double atan_float64(double x) {
    uint64_t sign = bits_of_float64(x) & 0x8000000000000000u;
    double result = atan_of_ratio(float64_of_bits(bits_of_float64(x) ^ sign), 1.0);
    return float64_of_bits(bits_of_float64(result) | sign);
}

static inline float atan_float32(float x) {
    return (float) atan_float64((double) x);
}
