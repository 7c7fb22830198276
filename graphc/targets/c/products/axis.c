// An axis of a matrix that consists of several axes of an array: `steps` says how far
// apart neighbours along each one are.
enum { MOST_DIGITS = 8, BLOCK_PLACES = BLOCK_INNER };
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

// The places of `count` elements, from the one at `first` on.
static void places_of(const struct axis *axis, int64_t first, int64_t count,
                      int64_t *places) {
    int64_t at[MOST_DIGITS], place = 0;
    for (int digit = axis->digits - 1; digit >= 0 && count > 0; digit--) {
        at[digit] = first % axis->sizes[digit];
        first /= axis->sizes[digit];
        place += at[digit] * axis->steps[digit];
    }
    for (int64_t i = 0; i < count; i++) {
        places[i] = place;
        for (int digit = axis->digits - 1; digit >= 0; digit--) {
            place += axis->steps[digit];
            if (++at[digit] < axis->sizes[digit]) {
                break;
            }
            place -= axis->sizes[digit] * axis->steps[digit];
            at[digit] = 0;
        }
    }
}
