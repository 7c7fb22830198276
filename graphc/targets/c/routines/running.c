// Running values along an axis: each is combined with the one before.

static void running_float32(
    const float *restrict x,
    float *restrict out,
    int64_t blocks,
    int64_t length,
    int64_t step) {
    for (int64_t block = 0; block < blocks; block++) {
        const float *from = x + block * length * step;
        float *to = out + block * length * step;
        for (int64_t j = 0; j < (length > 0 ? step : 0); j++) {
            to[j] = from[j];
        }
        for (int64_t i = 1; i < length; i++) {
            for (int64_t j = 0; j < step; j++) {
                const float last = to[(i - 1) * step + j];
                const float next = from[i * step + j];
                to[i * step + j] = COMBINED;
            }
        }
    }
}
