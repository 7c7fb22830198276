// True where x comes before y in sorted order, in which NaN is last.

static inline int before_float32(float x, float y) {
    return (x < y) | ((y != y) & (x == x));
}
