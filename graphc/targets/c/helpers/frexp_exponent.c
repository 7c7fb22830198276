// needs: shared/bits
// n of x = m 2^n with 1/2 <= |m| < 1; 0 of 0, of infinities and of NaN.

static inline int32_t frexp_exponent_float64(double x) {
    double size = float64_of_bits(bits_of_float64(x) & 0x7fffffffffffffffu);
    int is_small = size < 2.2250738585072014e-308;
    uint64_t bits = bits_of_float64(is_small ? size * 18014398509481984.0 : size);
    int32_t found = (int32_t)(bits >> 52) - (is_small ? 1076 : 1022);
    int is_number = (size > 0.0) & (size < float64_of_bits(0x7ff0000000000000u));
    return is_number ? found : 0;
}

static inline int32_t frexp_exponent_float32(float x) {
    return frexp_exponent_float64((double)x);
}
