// True where none of some numbers is infinite or NaN: x - x is NaN of these.

static inline bool all_finite_float32(int64_t count, const float *x) {
    int others = 0;
    for (int64_t i = 0; i < count; i++) {
        others |= x[i] - x[i] != 0;
    }
    return !others;
}
