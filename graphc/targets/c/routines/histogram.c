// needs: routines/sort_line routines/place_in_line
// How many numbers are in each interval between points, which are sorted for it; the
// last interval includes its end.

static void histogram_float32(
    const float *x,
    const float *points,
    int64_t *out,
    int64_t size,
    int64_t length,
    void *work) {
    float *line = work;
    for (int64_t i = 0; i < length; i++) {
        line[i] = points[i];
    }
    sort_line_float32(line, line + length, length);
    for (int64_t i = 0; i + 1 < length; i++) {
        out[i] = 0;
    }
    for (int64_t i = 0; i < size; i++) {
        if (length > 1 && x[i] >= line[0] && x[i] <= line[length - 1]) {
            const int64_t place = place_in_line_float32(line, length, x[i], 1) - 1;
            out[place > length - 2 ? length - 2 : place]++;
        }
    }
}
