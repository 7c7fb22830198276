// x / 2^y, rounded down, for y negative or large as for a very large one.

static inline int64_t right_shift_int64(int64_t x, int64_t y) {
    int is_short = (uint64_t)y < 8 * sizeof(int64_t);
    return is_short ? (int64_t)(x >> y) : (int64_t)(x < 0 ? -1 : 0);
}
