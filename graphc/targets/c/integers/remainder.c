// x - floor(x / y) y, with the sign of y; 0 where y is 0.

static inline int64_t remainder_int64(int64_t x, int64_t y) {
    if (y == 0 || ((int64_t)-1 < 0 && y == (int64_t)-1)) {
        return 0;
    }
    int64_t rest = (int64_t)(x % y);
    return (int64_t)(rest + ((rest != 0) & ((rest < 0) != (y < 0)) ? y : 0));
}
