// |x|; the smallest number is its own.

static inline int64_t absolute_int64(int64_t x) {
    return x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
}
