// needs: routines/searchsorted
// The intervals between sorted points that numbers are in; the first and the last one
// have no end.

static void interval_float32(
    const float *x, const float *points, int64_t *out, int64_t length, int64_t size) {
    searchsorted_float32(points, x, out, length, size, 1);
    for (int64_t i = 0; i < size; i++) {
        int64_t place = out[i] - 1;
        place = place > length - 2 ? length - 2 : place;
        out[i] = place < 0 ? 0 : place;
    }
}
