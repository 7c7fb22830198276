// needs: routines/before
// Sort numbers by merging: runs of 16 by insertion, then twice as long ones each turn.

static void sort_line_float32(float *line, float *spare, int64_t length) {
    for (int64_t start = 0; start < length; start += 16) {
        const int64_t end = length - start < 16 ? length : start + 16;
        for (int64_t i = start + 1; i < end; i++) {
            const float x = line[i];
            int64_t place = i;
            while (place > start && before_float32(x, line[place - 1])) {
                line[place] = line[place - 1];
                place--;
            }
            line[place] = x;
        }
    }
    float *from = line;
    float *to = spare;
    for (int64_t width = 16; width < length; width *= 2) {
        for (int64_t start = 0; start < length; start += 2 * width) {
            const int64_t middle = length - start < width ? length : start + width;
            const int64_t end = length - middle < width ? length : middle + width;
            int64_t left = start;
            int64_t right = middle;
            for (int64_t i = start; i < end; i++) {
                const int takes_right =
                    left == middle
                    || (right < end && before_float32(from[right], from[left]));
                to[i] = takes_right ? from[right++] : from[left++];
            }
        }
        float *sorted = to;
        to = from;
        from = sorted;
    }
    for (int64_t i = 0; i < (from == line ? 0 : length); i++) {
        line[i] = from[i];
    }
}
