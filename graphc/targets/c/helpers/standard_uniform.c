// needs: bit_generator
// Numbers in [0, 1), those that NumPy's `Generator.random` draws.

static void standard_uniform_float32(float *out, const void *stream, int64_t size) {
    const struct bit_generator *bits = stream;
    for (int64_t i = 0; i < size; i++) {
        out[i] = (float)(bits->next_uint32(bits->state) >> 8) * 0x1p-24f;
    }
}

static void standard_uniform_float64(double *out, const void *stream, int64_t size) {
    const struct bit_generator *bits = stream;
    for (int64_t i = 0; i < size; i++) {
        out[i] = bits->next_double(bits->state);
    }
}
