// needs: fmod floor
// NumPy's floor_divide: (x - fmod(x, y)) / y, less 1 where the signs of the remainder
// and of y differ, as a whole number; x / y where y is 0.

static inline float floor_divide_float32(float x, float y) {
    float quotient = x / y;
    float rest = fmod_float32(x, y);
    float exact = (x - rest) / y;
    exact = rest != 0.0f && (y < 0.0f) != (rest < 0.0f) ? exact - 1.0f : exact;
    float whole = floor_float32(exact);
    whole = exact - whole > 0.5f ? whole + 1.0f : whole;
    uint32_t sign = bits_of_float32(quotient) & 0x80000000u;
    whole = exact == 0.0f ? float32_of_bits(sign) : whole;
    return y == 0.0f ? quotient : whole;
}

static inline double floor_divide_float64(double x, double y) {
    double quotient = x / y;
    double rest = fmod_float64(x, y);
    double exact = (x - rest) / y;
    exact = rest != 0.0 && (y < 0.0) != (rest < 0.0) ? exact - 1.0 : exact;
    double whole = floor_float64(exact);
    whole = exact - whole > 0.5 ? whole + 1.0 : whole;
    uint64_t sign = bits_of_float64(quotient) & 0x8000000000000000u;
    whole = exact == 0.0 ? float64_of_bits(sign) : whole;
    return y == 0.0 ? quotient : whole;
}
