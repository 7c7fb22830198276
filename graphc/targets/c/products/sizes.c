// Vectors as wide as the registers of the processor; blocks that fit into its caches.
#include <stdint.h>

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64 };
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif
enum { TILE_ROWS = 6, BLOCK_ROWS = 240, BLOCK_INNER = 256, MANY_COLUMNS = 256 };

static inline int64_t at_most(int64_t size, int64_t limit)
{
    return size < limit ? size : limit;
}

// True where calling BLAS takes longer than our own loops, or about as long.
static inline int uses_own_loops(int64_t rows, int64_t columns, int64_t inner)
{
    if (rows <= 1 || columns <= 1 || inner <= 1) {
        return 1;
    }
    return rows <= 64 && columns <= 64 && inner <= 64 && rows * columns * inner <= 32768;
}
