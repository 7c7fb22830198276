// needs: routines/sort_line routines/place_in_line
// True for numbers that are among others, which are sorted for it. NaN never is.

static void isin_float32(
    const float *x,
    const float *others,
    bool *out,
    int64_t size,
    int64_t length,
    void *work) {
    float *line = work;
    for (int64_t i = 0; i < length; i++) {
        line[i] = others[i];
    }
    sort_line_float32(line, line + length, length);
    for (int64_t i = 0; i < size; i++) {
        const int64_t place = place_in_line_float32(line, length, x[i], 0);
        out[i] = place < length && line[place] == x[i];
    }
}
