// needs: bit_generator
// True with a probability: where a number in [0, 1) of 24 bits is below it.

static void bernoulli_float32(
    bool *out, const void *stream, int64_t size, float probability) {
    const struct bit_generator *bits = stream;
    for (int64_t i = 0; i < size; i++) {
        float draw = (float)(bits->next_uint32(bits->state) >> 8) * 0x1p-24f;
        out[i] = draw < probability;
    }
}
