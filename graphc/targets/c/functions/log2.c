// needs: shared/log_parts
// log(x) / ln 2, with 1 / ln 2 in two parts; exact for powers of 2. float32 is computed
// in float64.
// Error: at most 0.51 ulp in float32, 0.80 ulp in float64.

static inline double log2_float64(double x) {
    struct log_parts_float64 parts = log_parts_float64(x);
    double whole = parts.k;
    double high = parts.high * 0x1.71547p+0;
    double low = (parts.high + parts.low) * 0x1.94ae0bf85ddf4p-22;
    low = low + parts.low * 0x1.71547p+0;
    double sum = whole + high;
    return log_special_float64(x, sum + (((whole - sum) + high) + low));
}

static inline float log2_float32(float x) {
    return (float) log2_float64((double) x);
}
