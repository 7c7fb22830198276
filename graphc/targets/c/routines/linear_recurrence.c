// y[i] = b[i] + a[i] y[i-1] along an axis, or in reverse y[i] = b[i] + a[i+1] y[i+1].

static void linear_recurrence_float32(
    const float *restrict a,
    const float *restrict b,
    float *restrict out,
    int64_t blocks,
    int64_t length,
    int64_t step,
    int64_t reverse) {
    for (int64_t block = 0; block < blocks; block++) {
        const int64_t start = block * length * step;
        for (int64_t turn = 0; turn < length; turn++) {
            const int64_t i = start + (reverse ? length - 1 - turn : turn) * step;
            const int64_t last = reverse ? i + step : i - step;
            const int64_t factor = reverse ? last : i;
            for (int64_t j = 0; j < step; j++) {
                out[i + j] = b[i + j];
                if (turn > 0) {
                    out[i + j] += a[factor + j] * out[last + j];
                }
            }
        }
    }
}
