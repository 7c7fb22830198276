// Position in an axis, of which negative ones count from the end.

static inline int64_t place(int64_t position, int64_t size, bool *wrong) {
    position += position < 0 ? size : 0;
    if (position >= 0 && position < size) {
        return position;
    }
    // Several threads may find one at once.
    __atomic_store_n(wrong, true, __ATOMIC_RELAXED);
    return 0;
}
