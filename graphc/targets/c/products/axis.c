// An axis of a matrix that consists of several axes of an array: `steps` says how far
// apart neighbours along each one are.
enum { MOST_DIGITS = 8, BLOCK_PLACES = BLOCK_INNER };

// Tiles for runs of neighbours: as many sums as there are registers for.
enum { RUN_ROWS = VECTOR_BYTES == 64 ? 6 : 3, RUN_COLUMNS = 4, BLOCK_RUNS = 1024 };

struct axis {
    int digits;
    int64_t sizes[MOST_DIGITS], steps[MOST_DIGITS];
};

static int64_t size_of(const struct axis *axis) {
    int64_t size = 1;
    for (int digit = 0; digit < axis->digits; digit++) {
        size *= axis->sizes[digit];
    }
    return size;
}

// The number of elements that are neighbours along two axes of as many elements, after
// each of which this is so for the next ones.
static int64_t run_of(const struct axis *axis, const struct axis *other) {
    int64_t run = axis->sizes[axis->digits - 1];
    int64_t rest = other->sizes[other->digits - 1];
    if (axis->steps[axis->digits - 1] != 1 || other->steps[other->digits - 1] != 1) {
        return 1;
    }
    while (rest > 0) {
        int64_t last = run % rest;
        run = rest;
        rest = last;
    }
    return run;
}

// The places of `count` elements, from the one at `first` on.
static void places_of(const struct axis *axis, int64_t first, int64_t count,
                      int64_t *places) {
    int64_t at[MOST_DIGITS], place = 0;
    for (int digit = axis->digits - 1; digit >= 0 && count > 0; digit--) {
        at[digit] = first % axis->sizes[digit];
        first /= axis->sizes[digit];
        place += at[digit] * axis->steps[digit];
    }
    int last = axis->digits - 1;
    int64_t run = 0, step = axis->steps[last];
    for (int64_t i = 0; i < count; i += run) {
        run = at_most(count - i, axis->sizes[last] - at[last]);
        for (int64_t j = 0; j < run; j++) {
            places[i + j] = place + j * step;
        }
        place += run * step;
        at[last] += run;
        for (int digit = last; digit > 0 && at[digit] == axis->sizes[digit]; digit--) {
            place += axis->steps[digit - 1] - at[digit] * axis->steps[digit];
            at[digit] = 0;
            at[digit - 1]++;
        }
    }
}

// The number of places that follow one another, from the first one on.
static int64_t neighbours_from(const int64_t *places, int64_t count) {
    int64_t found = 1;
    while (found < count && places[found] == places[0] + found) {
        found++;
    }
    return found;
}
