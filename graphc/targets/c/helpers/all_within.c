// True where positions are from low to high.

static inline bool all_within_int64(int64_t count, const int64_t *positions,
                                    int64_t low, int64_t high) {
    int others = 0;
    for (int64_t i = 0; i < count; i++) {
        others |= (positions[i] < low) | (positions[i] > high);
    }
    return !others;
}

static inline bool all_within_int32(int64_t count, const int32_t *positions,
                                    int64_t low, int64_t high) {
    int others = 0;
    for (int64_t i = 0; i < count; i++) {
        others |= (positions[i] < low) | (positions[i] > high);
    }
    return !others;
}
