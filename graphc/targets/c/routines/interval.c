// needs: routines/place_in_line
// The intervals between sorted points that numbers are in; the first and the last one
// have no end.

static void interval_float32(
    const float *x, const float *points, int64_t *out, int64_t length, int64_t size) {
    for (int64_t i = 0; i < size; i++) {
        int64_t place = place_in_line_float32(points, length, x[i], 1) - 1;
        place = place > length - 2 ? length - 2 : place;
        out[i] = place < 0 ? 0 : place;
    }
}
