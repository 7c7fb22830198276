// -1, 0 or 1.

static inline int64_t sign_int64(int64_t x) {
    return (int64_t)((x > 0) - (x < 0));
}
