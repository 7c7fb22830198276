// Vectors as wide as the registers of the processor; blocks that fit into its caches.

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64 };
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif
enum { TILE_ROWS = 6, BLOCK_ROWS = 240, BLOCK_INNER = 256 };
enum { MANY_COLUMNS = 256, FEW_ROWS = 8 };

static inline int64_t at_most(int64_t size, int64_t limit) {
    return size < limit ? size : limit;
}

// The rows of a tile: two tiles of 4 rows take less time than one of 6 and one of 2.
static inline int64_t tile_rows(int64_t rest) {
    return rest == 8 ? 4 : at_most(rest, TILE_ROWS);
}

// Columns to work on next: `most`, or fewer so that `least` are left for the last time.
static inline int64_t strip_columns(int64_t rest, int64_t most, int64_t least) {
    return rest > most && rest < most + least ? rest - least : at_most(rest, most);
}

// True where our own loops take about as long as BLAS or less, as measured with one
// thread: for vectors and for few numbers. Not for narrow results; nor for few rows
// where the numbers of each sum are neighbours in memory, those of a and those of b.
static inline int uses_own_loops(int64_t rows, int64_t columns, int64_t inner,
                                 int are_neighbours) {
    if (columns <= 1 || inner <= 1) {
        return 1;
    }
    if (rows <= 1) {
        return !are_neighbours || columns <= 4;
    }
    int64_t numbers = columns * inner;
    if (columns <= 16 || (rows <= FEW_ROWS && are_neighbours)) {
        return 0;
    }
    return rows <= FEW_ROWS ? numbers <= 32768 : rows <= 131072 / numbers;
}
