// The smaller one.

static inline int64_t minimum_int64(int64_t x, int64_t y) {
    return x < y ? x : y;
}
