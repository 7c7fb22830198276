// x^2, which wraps.

static inline int64_t square_int64(int64_t x) {
    return (int64_t)((uint64_t)x * (uint64_t)x);
}
