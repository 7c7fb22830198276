// needs: routines/sort_line
// Sort along an axis.

static void sort_float32(
    const float *x,
    float *out,
    int64_t blocks,
    int64_t length,
    int64_t step,
    void *work) {
    float *line = work;
    for (int64_t row = 0; row < blocks * step; row++) {
        const int64_t start = row / step * length * step + row % step;
        for (int64_t i = 0; i < length; i++) {
            line[i] = x[start + i * step];
        }
        sort_line_float32(line, line + length, length);
        for (int64_t i = 0; i < length; i++) {
            out[start + i * step] = line[i];
        }
    }
}
