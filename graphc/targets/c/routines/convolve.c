// The convolution of two lines, from an element on.

static void convolve_float32(
    const float *a,
    const float *v,
    float *out,
    int64_t length_of_a,
    int64_t length_of_v,
    int64_t start,
    int64_t size) {
    for (int64_t i = 0; i < size; i++) {
        const int64_t place = start + i;
        int64_t first = place - length_of_a + 1;
        first = first < 0 ? 0 : first;
        const int64_t last = place < length_of_v - 1 ? place : length_of_v - 1;
        float sum = 0;
        for (int64_t j = first; j <= last; j++) {
            sum += a[place - j] * v[j];
        }
        out[i] = sum;
    }
}
