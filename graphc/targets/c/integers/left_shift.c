// x * 2^y, which wraps; 0 where y is negative or not below the number of bits.

static inline int64_t left_shift_int64(int64_t x, int64_t y) {
    int is_short = (uint64_t)y < 8 * sizeof(int64_t);
    return is_short ? (int64_t)((uint64_t)x << y) : 0;
}
