// needs: exp2 log1p maximum
// log2(2^x + 2^y) = max + log2(1 + 2^-|x - y|).
// Error: at most 3.0 ulp of the larger of the terms that are added.

static inline float logaddexp2_float32(float x, float y) {
    float larger = maximum_float32(x, y);
    float apart = x - y;
    float size = choose_float32(apart > 0.0f, apart, -apart);
    float sum = larger + 1.442695040888963407f * log1p_float32(exp2_float32(-size));
    return choose_float32(x == y, x + 1.0f, sum);
}
