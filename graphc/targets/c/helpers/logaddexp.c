// needs: exp log1p maximum
// log(e^x + e^y) = max + log(1 + e^-|x - y|).
// Error: at most 2.0 ulp of the larger of the terms that are added.

static inline float logaddexp_float32(float x, float y) {
    float larger = maximum_float32(x, y);
    float apart = x - y;
    float size = choose_float32(apart > 0.0f, apart, -apart);
    float sum = larger + log1p_float32(exp_float32(-size));
    return choose_float32(x == y, x + 0.693147180559945309f, sum);
}
