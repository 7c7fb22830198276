// Products of matrices whose elements stand at places of their own: a[i][p] at
// a_rows[i] + a_columns[p], and b[p][j] at b_rows[p] + b_columns[j]. So windows of an
// image are multiplied where they are, and never copied side by side. The sums have the
// order of p.

#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

// A tile of c: some rows of one vector or two, of which `kept` columns are stored.
static inline __attribute__((always_inline)) void
tile_of_places_float32(int height, int vectors, int64_t rows, int64_t kept,
                       int64_t inner, const float *a, const int64_t *a_rows,
                       const int64_t *a_columns, const float *packed, float *c,
                       int64_t c_row, int64_t c_column, int add) {
    const float *left[TILE_ROWS];
    float32_lanes sums[TILE_ROWS][2];
    float edge[TILE_ROWS][FLOAT32_TILE];
    int is_whole = kept == vectors * FLOAT32_LANES && c_column == 1;
    for (int i = 0; i < height; i++) {
        // Rows that are missing are computed as the first one, and not stored.
        int64_t row = i < rows ? i : 0;
        const float *start = c + row * c_row;
        left[i] = a + a_rows[row];
        for (int64_t j = 0; !is_whole && j < FLOAT32_TILE; j++) {
            edge[i][j] = add && j < kept ? start[j * c_column] : 0.0f;
        }
        start = is_whole ? start : edge[i];
        for (int v = 0; v < vectors; v++) {
            sums[i][v] = start_float32(start + v * FLOAT32_LANES, add);
        }
    }
    for (int64_t p = 0; p < inner; p++) {
        const float *right = packed + p * FLOAT32_TILE;
        int64_t column = a_columns[p];
        for (int i = 0; i < height; i++) {
            float x = left[i][column];
            for (int v = 0; v < vectors; v++) {
                sums[i][v] += x * load_float32(right + v * FLOAT32_LANES);
            }
        }
    }
    for (int i = 0; i < height && i < rows; i++) {
        float *to = is_whole ? c + i * c_row : edge[i];
        for (int v = 0; v < vectors; v++) {
            store_float32(to + v * FLOAT32_LANES, sums[i][v]);
        }
        for (int64_t j = 0; !is_whole && j < kept; j++) {
            c[i * c_row + j * c_column] = edge[i][j];
        }
    }
}

// Some columns of b side by side, and zeros where a vector has no column.
static void pack_places_float32(int64_t columns, int64_t inner, const float *b,
                                const int64_t *b_rows, const int64_t *b_columns,
                                float *packed) {
    int64_t run = 1;
    while (run < columns && b_columns[run] == b_columns[0] + run) {
        run++;
    }
    if (run == FLOAT32_TILE) {
        for (int64_t p = 0; p < inner; p++) {
            const float *from = b + b_rows[p] + b_columns[0];
            float *to = packed + p * FLOAT32_TILE;
            store_float32(to, load_float32(from));
            store_float32(to + FLOAT32_LANES, load_float32(from + FLOAT32_LANES));
        }
        return;
    }
    for (int64_t p = 0; p < inner; p++) {
        for (int64_t j = 0; j < FLOAT32_TILE; j++) {
            float x = j < columns ? b[b_rows[p] + b_columns[j < columns ? j : 0]] : 0.0f;
            packed[p * FLOAT32_TILE + j] = x;
        }
    }
}

// Rows of a in groups, each as high as its tile, by columns.
static void pack_rows_of_places_float32(int64_t rows, int64_t inner, const float *a,
                                        const int64_t *a_rows, const int64_t *a_columns,
                                        float *packed) {
    int64_t count = 0;
    for (int64_t i = 0; i < rows; i += count) {
        count = tile_rows(rows - i);
        for (int64_t q = 0; q < count; q++) {
            for (int64_t p = 0; p < inner; p++) {
                packed[i * inner + p * count + q] = a[a_rows[i + q] + a_columns[p]];
            }
        }
    }
}

// The tiles of some rows of c in at most two vectors' columns.
static void strip_of_places_float32(int64_t rows, int64_t columns, int64_t inner,
                                    const float *a, const int64_t *a_rows,
                                    const int64_t *a_columns, const float *packed,
                                    float *c, int64_t c_row, int64_t c_column, int add) {
    int64_t count = 0;
    for (int64_t i = 0; i < rows; i += count) {
        count = tile_rows(rows - i);
        float *to = c + i * c_row;
        if (columns <= FLOAT32_LANES) {
            tile_of_places_float32(6, 1, count, columns, inner, a, a_rows + i,
                                   a_columns, packed, to, c_row, c_column, add);
        } else if (count <= 4) {
            tile_of_places_float32(4, 2, count, columns, inner, a, a_rows + i,
                                   a_columns, packed, to, c_row, c_column, add);
        } else {
            tile_of_places_float32(6, 2, count, columns, inner, a, a_rows + i,
                                   a_columns, packed, to, c_row, c_column, add);
        }
    }
}

// c = a b. room is where numbers of a and b are put side by side.
static void matmul_of_places_float32(const float *a, const struct axis *a_row,
                                     const struct axis *a_column, const float *b,
                                     const struct axis *b_row,
                                     const struct axis *b_column, float *c,
                                     int64_t c_row, int64_t c_column, float *room) {
    int64_t rows = size_of(a_row), columns = size_of(b_column);
    int64_t inner = size_of(a_column);
    if (b_column->steps[b_column->digits - 1] != 1 && rows < columns && c_column == 1) {
        // c transposed is b transposed times a transposed: fewer numbers are packed.
        matmul_of_places_float32(b, b_column, b_row, a, a_column, a_row, c, c_column,
                                 c_row, room);
        return;
    }
    int is_packed = columns >= MANY_COLUMNS && c_column == 1;
    float *strip = room, *block = room + at_most(inner, BLOCK_PLACES) * FLOAT32_TILE;
    int64_t a_rows[BLOCK_PLACES], a_columns[BLOCK_PLACES];
    int64_t b_rows[BLOCK_PLACES], b_columns[BLOCK_PLACES];
    int64_t p = 0;
    do {
        int64_t depth = at_most(inner - p, BLOCK_PLACES);
        places_of(a_column, p, depth, a_columns);
        places_of(b_row, p, depth, b_rows);
        for (int64_t i = 0; i < rows; i += BLOCK_ROWS) {
            int64_t height = at_most(rows - i, BLOCK_ROWS);
            places_of(a_row, i, height, a_rows);
            if (is_packed) {
                pack_rows_of_places_float32(height, depth, a, a_rows, a_columns, block);
            }
            for (int64_t j = 0; j < columns; j += BLOCK_PLACES) {
                int64_t width = at_most(columns - j, BLOCK_PLACES);
                places_of(b_column, j, width, b_columns);
                for (int64_t k = 0; k < width; k += FLOAT32_TILE) {
                    int64_t kept = at_most(width - k, FLOAT32_TILE);
                    float *to = c + i * c_row + (j + k) * c_column;
                    pack_places_float32(kept, depth, b, b_rows, b_columns + k, strip);
                    if (is_packed) {
                        strip_float32(height, kept, depth, block, 1, 0, 0, strip,
                                      FLOAT32_TILE, to, c_row, p > 0);
                    } else {
                        strip_of_places_float32(height, kept, depth, a, a_rows,
                                                a_columns, strip, to, c_row, c_column,
                                                p > 0);
                    }
                }
            }
        }
        p += depth;
    } while (p < inner);
}

#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC pop_options
#endif
