// needs: routines/before
// How many of sorted numbers come before x, or, with `after`, do not come after it.

static inline int64_t place_in_line_float32(
    const float *line, int64_t length, float x, int64_t after) {
    int64_t low = 0;
    int64_t high = length;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int is_below = after ? !before_float32(x, line[middle])
                                   : before_float32(line[middle], x);
        low = is_below ? middle + 1 : low;
        high = is_below ? high : middle;
    }
    return low;
}
