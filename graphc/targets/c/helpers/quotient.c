// Quotient of sizes, rounded down; the divisor is positive.

static inline int64_t quotient(int64_t size, int64_t divisor) {
    return size / divisor - (size % divisor < 0);
}
