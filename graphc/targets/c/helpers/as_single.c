// A number rounded to float32.

static inline double as_single(double x) {
    return (float)x;
}
