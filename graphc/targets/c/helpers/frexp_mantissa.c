// needs: frexp_exponent ldexp
// m of x = m 2^n with 1/2 <= |m| < 1; x itself where it is 0, infinite or NaN.

static inline double frexp_mantissa_float64(double x) {
    return ldexp_float64(x, -(int64_t)frexp_exponent_float64(x));
}

static inline float frexp_mantissa_float32(float x) {
    return (float)frexp_mantissa_float64((double)x);
}
