// The quotient, rounded down; 0 where y is 0. The smallest number by -1 is itself.

static inline int64_t floor_divide_int64(int64_t x, int64_t y) {
    if (y == 0) {
        return 0;
    }
    if ((int64_t)-1 < 0 && y == (int64_t)-1) {
        return (int64_t)(0 - (uint64_t)x);
    }
    return (int64_t)(x / y - ((x % y != 0) & ((x < 0) != (y < 0))));
}
