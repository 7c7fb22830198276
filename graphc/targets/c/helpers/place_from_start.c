// Position in an axis, of which none is negative.

static inline int64_t place_from_start(int64_t position, int64_t size, bool *wrong) {
    if (position >= 0 && position < size) {
        return position;
    }
    // Several threads may find one at once.
    __atomic_store_n(wrong, true, __ATOMIC_RELAXED);
    return 0;
}
