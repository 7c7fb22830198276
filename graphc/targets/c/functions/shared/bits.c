// The bits of a number, and the number of some bits. A union is the way that C99
// defines.
#include <stdint.h>

static inline uint32_t bits_of_float32(float x) {
    union { float number; uint32_t bits; } both;
    both.number = x;
    return both.bits;
}

static inline float float32_of_bits(uint32_t bits) {
    union { uint32_t bits; float number; } both;
    both.bits = bits;
    return both.number;
}

static inline uint64_t bits_of_float64(double x) {
    union { double number; uint64_t bits; } both;
    both.number = x;
    return both.bits;
}

static inline double float64_of_bits(uint64_t bits) {
    union { uint64_t bits; double number; } both;
    both.bits = bits;
    return both.number;
}
