// The least common multiple, by Euclid's algorithm.

static inline int64_t lcm_int64(int64_t x, int64_t y) {
    uint64_t a = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
    uint64_t b = y < 0 ? 0 - (uint64_t)y : (uint64_t)y;
    uint64_t divisor = a;
    uint64_t other = b;
    while (other != 0) {
        uint64_t rest = divisor % other;
        divisor = other;
        other = rest;
    }
    return divisor == 0 ? 0 : (int64_t)(a / divisor * b);
}
