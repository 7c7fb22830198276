// needs: routines/place_in_line
// The places of numbers in a sorted line.

static void searchsorted_float32(
    const float *line,
    const float *x,
    int64_t *out,
    int64_t length,
    int64_t size,
    int64_t after) {
    for (int64_t i = 0; i < size; i++) {
        out[i] = place_in_line_float32(line, length, x[i], after);
    }
}
