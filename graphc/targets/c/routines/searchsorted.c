// needs: routines/before
// The places of numbers in a sorted line: how many come before, or, with `after`, do
// not come after. The search for one starts from the place of the last, as NumPy's
// does, which decides what is found in a line that is not sorted.

static void searchsorted_float32(
    const float *line,
    const float *x,
    int64_t *out,
    int64_t length,
    int64_t size,
    int64_t after) {
    int64_t low = 0;
    int64_t high = length;
    for (int64_t i = 0; i < size; i++) {
        const float last = x[i > 0 ? i - 1 : 0];
        const int is_above =
            after ? !before_float32(x[i], last) : before_float32(last, x[i]);
        if (is_above) {
            high = length;
        } else {
            low = 0;
            high = high < length ? high + 1 : length;
        }
        while (low < high) {
            const int64_t middle = low + (high - low) / 2;
            const int is_below = after ? !before_float32(x[i], line[middle])
                                       : before_float32(line[middle], x[i]);
            low = is_below ? middle + 1 : low;
            high = is_below ? high : middle;
        }
        out[i] = low;
    }
}
