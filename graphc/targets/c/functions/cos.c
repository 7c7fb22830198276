// needs: shared/turns shared/quarters shared/choose
// cos x of the angle to the nearest multiple of pi/2, as sin(x) one quadrant on,
// without the sign of x.
// Error: at most 0.70 ulp in float32, 0.90 ulp in float64.

static inline float cos_float32(float x) {
    struct turns_float32 turns = turns_float32(x);
    uint64_t quadrant = turns.quadrant + 1;
    double r = turns.angle;
    double z = r * r;
    double s = (-0.00019517202624820768 * z + 0.008332177435763023) * z;
    s = r * (1.0 + (s + -0.1666665493350927) * z);
    double c = (2.4438325424712374e-05 * z + -0.0013887366417198478) * z;
    c = (1.0 - 0.5 * z) + (c + 0.04166664684600409) * (z * z);
    double size = choose_float64((quadrant & 1) != 0, c, s);
    uint64_t sign = (quadrant & 2) << 62;
    float value = (float)float64_of_bits(bits_of_float64(size) ^ sign);
    return choose_float32(x - x == 0.0f, value, x - x);
}

static inline double cos_float64(double x) {
    struct turns_float64 turns = turns_float64(x);
    uint64_t quadrant = turns.quadrant + 1;
    double s = sin_of_angle(turns.high, turns.low).high;
    double c = cos_of_angle(turns.high, turns.low).high;
    uint64_t result = bits_of_float64(choose_float64((quadrant & 1) != 0, c, s));
    result ^= (quadrant & 2) << 62;
    double value = float64_of_bits(result);
    return choose_float64(x - x == 0.0, value, x - x);
}
