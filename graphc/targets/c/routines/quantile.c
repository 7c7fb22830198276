// needs: routines/sort_line as_single
// Quantiles of rows, all of one level and then those of the next: the number at a place
// in sorted order, or between two. `method`: 0 between by the share, 1 the lower, 2 the
// upper, 3 the middle, 4 the nearest one. `alpha` and `beta` say where levels 0 and 1
// are, and are 1 for both ends. `is_single`: numbers were float32 before they were
// given the dtype of the result, and NumPy takes differences in that.

static void quantile_float32(
    const float *x,
    const double *levels,
    float *out,
    int64_t rows,
    int64_t length,
    int64_t count,
    double alpha,
    double beta,
    int64_t method,
    int64_t is_single,
    void *work) {
    float *line = work;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < length; i++) {
            line[i] = x[row * length + i];
        }
        sort_line_float32(line, line + length, length);
        const float last = line[length - 1];
        for (int64_t level = 0; level < count; level++) {
            const double n = (double)length;
            // NumPy has levels, and the places that they are, in the numbers' dtype.
            const double q = (float)levels[level];
            // From end to end, what falls on a number has to fall on it exactly.
            const int is_plain = alpha == 1.0 && beta == 1.0;
            double place = is_plain
                ? (n - 1.0) * q
                : n * q + (alpha + q * (1.0 - alpha - beta)) - 1.0;
            place = (float)place;
            place = place < 0.0 ? 0.0 : place > n - 1.0 ? n - 1.0 : place;
            const int64_t rank = (int64_t)place;
            double share = place - (double)rank;
            share = method == 1 ? 0.0 : share;
            share = method == 2 ? (share > 0.0 ? 1.0 : 0.0) : share;
            share = method == 3 ? (share > 0.0 ? 0.5 : 0.0) : share;
            const int is_odd = rank % 2 != 0;
            const int is_up = share > 0.5 || (share == 0.5 && is_odd);
            share = method == 4 ? (is_up ? 1.0 : 0.0) : share;
            const float below = line[rank];
            const float above = line[rank + 1 < length ? rank + 1 : rank];
            const double low = (double)below;
            const double high = (double)above;
            const double span = is_single ? as_single(high - low) : high - low;
            float value = (float)(share < 0.5 ? low + span * share
                                              : high - span * (1.0 - share));
            value = share == 0.0 || below == above ? below : value;
            value = share == 1.0 ? above : value;
            out[level * rows + row] = last == last ? value : last;
        }
    }
}
