// needs: routines/before
// The positions along an axis in the order of the numbers there, by merging: of equal
// ones the first comes first.

static void argsort_float32(
    const float *x,
    int64_t *out,
    int64_t blocks,
    int64_t length,
    int64_t step,
    void *work) {
    int64_t *first = work;
    int64_t *second = first + length;
    float *line = (float *)(second + length);
    for (int64_t row = 0; row < blocks * step; row++) {
        const int64_t begin = row / step * length * step + row % step;
        for (int64_t i = 0; i < length; i++) {
            line[i] = x[begin + i * step];
            first[i] = i;
        }
        int64_t *from = first;
        int64_t *to = second;
        for (int64_t width = 1; width < length; width *= 2) {
            for (int64_t start = 0; start < length; start += 2 * width) {
                const int64_t middle = length - start < width ? length : start + width;
                const int64_t end = length - middle < width ? length : middle + width;
                int64_t left = start;
                int64_t right = middle;
                for (int64_t i = start; i < end; i++) {
                    const int takes_right =
                        left == middle
                        || (right < end
                            && before_float32(line[from[right]], line[from[left]]));
                    to[i] = takes_right ? from[right++] : from[left++];
                }
            }
            int64_t *sorted = to;
            to = from;
            from = sorted;
        }
        for (int64_t i = 0; i < length; i++) {
            out[begin + i * step] = from[i];
        }
    }
}
