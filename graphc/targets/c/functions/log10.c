// needs: shared/log_parts
// log(x) / ln 10, with 1 / ln 10 and log10(2) in two parts. float32 is computed in
// float64.
// Error: at most 0.51 ulp in float32, 0.80 ulp in float64.

static inline double log10_float64(double x) {
    struct log_parts_float64 parts = log_parts_float64(x);
    double whole = parts.k * 0x1.34413509f6000p-2;
    double high = parts.high * 0x1.bcb7bp-2;
    double low = (parts.high + parts.low) * 0x1.526e50e32a6abp-26;
    low = low + (parts.low * 0x1.bcb7bp-2 + parts.k * 0x1.9fef311f12b36p-42);
    double sum = whole + high;
    return log_special_float64(x, sum + (((whole - sum) + high) + low));
}

static inline float log10_float32(float x) {
    return (float) log10_float64((double) x);
}
