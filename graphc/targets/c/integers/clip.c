// x, not below low and not above high.

static inline int64_t clip_int64(int64_t x, int64_t low, int64_t high) {
    int64_t raised = x > low ? x : low;
    return raised < high ? raised : high;
}
