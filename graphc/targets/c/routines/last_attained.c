// The last position along an axis at which x is the extremum so far, or NaN.

static void last_attained_float32(
    const float *restrict x,
    const float *restrict extrema,
    int64_t *restrict out,
    int64_t blocks,
    int64_t length,
    int64_t step) {
    for (int64_t place = 0; place < blocks * length * step; place++) {
        const int64_t i = place / step % length;
        const int is_there = (x[place] == extrema[place]) | (x[place] != x[place]);
        out[place] = is_there ? i : i == 0 ? 0 : out[place - step];
    }
}
