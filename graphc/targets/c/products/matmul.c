// Products of matrices. c[i][j] is the sum of a[i][p] b[p][j] in the order of p, with
// one rounding a step where the processor has fused multiply-add and two elsewhere: the
// bits do not depend on the division into tiles. Only where the numbers of a sum are
// neighbours in memory, for few rows or one column, it has the order that
// row_times_columns_float32 tells.

#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

enum {
    FLOAT32_LANES = VECTOR_BYTES / sizeof(float),
    FLOAT32_TILE = 2 * FLOAT32_LANES,
    FLOAT32_SUMS = 64 / sizeof(float),
    FLOAT32_PARTS = FLOAT32_SUMS / FLOAT32_LANES
};
typedef float float32_lanes
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(float)), may_alias));

static inline float32_lanes load_float32(const float *from) {
    return *(const float32_lanes *)from;
}

static inline void store_float32(float *to, float32_lanes lanes) {
    *(float32_lanes *)to = lanes;
}

// The start of sums that are added to what is there, or else to zeros.
static inline float32_lanes start_float32(const float *from, int add) {
    return add ? load_float32(from) : (float32_lanes){0};
}

// A tile of c: some rows of two vectors, kept in registers. The second vector stands
// `second` columns after the first; if they overlap, both compute the same.
static inline __attribute__((always_inline)) void
tile_of_float32(int height, int64_t rows, int64_t inner, const float *a, int64_t a_row,
                int64_t a_column, const float *b, int64_t b_row, float *c,
                int64_t c_row, int64_t second, int add) {
    const float *a_rows[TILE_ROWS];
    float32_lanes sums[TILE_ROWS][2];
    for (int i = 0; i < height; i++) {
        // Rows that are missing are computed as the first one, and not stored.
        int64_t row = i < rows ? i : 0;
        const float *start = c + row * c_row;
        a_rows[i] = a + row * a_row;
        sums[i][0] = start_float32(start, add);
        sums[i][1] = start_float32(start + second, add);
    }
    for (int64_t p = 0; p < inner; p++) {
        float32_lanes left = load_float32(b + p * b_row);
        float32_lanes right = load_float32(b + p * b_row + second);
        for (int i = 0; i < height; i++) {
            float x = a_rows[i][p * a_column];
            sums[i][0] += x * left;
            sums[i][1] += x * right;
        }
    }
    for (int i = 0; i < height; i++) {
        if (i < rows) {
            store_float32(c + i * c_row, sums[i][0]);
            store_float32(c + i * c_row + second, sums[i][1]);
        }
    }
}

static void tile_float32(int64_t rows, int64_t inner, const float *a, int64_t a_row,
                         int64_t a_column, const float *b, int64_t b_row, float *c,
                         int64_t c_row, int64_t second, int add) {
    if (rows <= 4) {
        tile_of_float32(4, rows, inner, a, a_row, a_column, b, b_row, c, c_row, second,
                        add);
    } else {
        tile_of_float32(6, rows, inner, a, a_row, a_column, b, b_row, c, c_row, second,
                        add);
    }
}

// Some columns of b side by side, and zeros where a vector has no column.
static void pack_columns_float32(int64_t columns, int64_t inner, const float *b,
                                 int64_t b_row, int64_t b_column, float *packed) {
    if (b_column == 1 && columns == FLOAT32_TILE) {
        for (int64_t p = 0; p < inner; p++) {
            const float *from = b + p * b_row;
            float *to = packed + p * FLOAT32_TILE;
            store_float32(to, load_float32(from));
            store_float32(to + FLOAT32_LANES, load_float32(from + FLOAT32_LANES));
        }
        return;
    }
    int64_t filled = columns < FLOAT32_LANES ? FLOAT32_LANES : columns;
    for (int64_t j = 0; j < filled; j++) {
        for (int64_t p = 0; p < inner; p++) {
            float x = j < columns ? b[p * b_row + j * b_column] : 0.0f;
            packed[p * FLOAT32_TILE + j] = x;
        }
    }
}

// Rows of a in groups, each as high as its tile, by columns.
static void pack_rows_float32(int64_t rows, int64_t inner, const float *a,
                              int64_t a_row, int64_t a_column, float *packed) {
    int64_t count = 0;
    for (int64_t i = 0; i < rows; i += count) {
        count = tile_rows(rows - i);
        for (int64_t q = 0; q < count; q++) {
            for (int64_t p = 0; p < inner; p++) {
                packed[i * inner + p * count + q] = a[(i + q) * a_row + p * a_column];
            }
        }
    }
}

// The tiles of some rows of c in at most two vectors' columns.
static void strip_float32(int64_t rows, int64_t columns, int64_t inner, const float *a,
                          int is_packed, int64_t a_row, int64_t a_column,
                          const float *b, int64_t b_row, float *c, int64_t c_row,
                          int add) {
    float edge[TILE_ROWS * FLOAT32_LANES] = {0};
    int64_t count = 0;
    for (int64_t i = 0; i < rows; i += count) {
        count = tile_rows(rows - i);
        const float *left = a + i * (is_packed ? inner : a_row);
        int64_t left_row = is_packed ? 1 : a_row;
        int64_t left_column = is_packed ? count : a_column;
        float *out = c + i * c_row;
        if (columns >= FLOAT32_LANES) {
            int64_t second = columns - FLOAT32_LANES;
            tile_float32(count, inner, left, left_row, left_column, b, b_row, out,
                         c_row, second, add);
            continue;
        }
        for (int64_t q = 0; add && q < count; q++) {
            for (int64_t j = 0; j < columns; j++) {
                edge[q * FLOAT32_LANES + j] = out[q * c_row + j];
            }
        }
        tile_float32(count, inner, left, left_row, left_column, b, b_row, edge,
                     FLOAT32_LANES, 0, add);
        for (int64_t q = 0; q < count; q++) {
            for (int64_t j = 0; j < columns; j++) {
                out[q * c_row + j] = edge[q * FLOAT32_LANES + j];
            }
        }
    }
}

// A row x times a matrix with contiguous rows, four vectors of columns at a time.
static void row_times_rows_float32(int64_t columns, int64_t inner, const float *x,
                                   int64_t x_step, const float *b, int64_t b_row,
                                   float *c, int add) {
    enum { AT_ONCE = 4 };
    if (columns < FLOAT32_LANES) {
        float sums[FLOAT32_LANES] = {0};
        for (int64_t j = 0; add && j < columns; j++) {
            sums[j] = c[j];
        }
        for (int64_t p = 0; p < inner; p++) {
            for (int64_t j = 0; j < columns; j++) {
                sums[j] += x[p * x_step] * b[p * b_row + j];
            }
        }
        for (int64_t j = 0; j < columns; j++) {
            c[j] = sums[j];
        }
        return;
    }
    int64_t width = 0;
    for (int64_t j = 0; j < columns; j += width) {
        width = strip_columns(columns - j, AT_ONCE * FLOAT32_LANES, FLOAT32_LANES);
        int64_t starts[AT_ONCE];
        float32_lanes sums[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            // Vectors that overlap compute the same.
            starts[i] = j + at_most(i * FLOAT32_LANES, width - FLOAT32_LANES);
            sums[i] = start_float32(c + starts[i], add);
        }
        for (int64_t p = 0; p < inner; p++) {
            float left = x[p * x_step];
            for (int i = 0; i < AT_ONCE; i++) {
                sums[i] += left * load_float32(b + p * b_row + starts[i]);
            }
        }
        for (int i = 0; i < AT_ONCE; i++) {
            store_float32(c + starts[i], sums[i]);
        }
    }
}

// A row x times at most four columns, all contiguous. For each p below 16 (8 in
// float64), the products at p, p + 16, p + 32 ... are summed; of these sums, the second
// half is added to the first until one is left. What does not fill a vector comes last.
static void row_times_columns_float32(int64_t columns, int64_t inner, const float *x,
                                      const float *b, int64_t b_column, float *c,
                                      int64_t c_column, int add) {
    enum { AT_ONCE = 4 };
    const float *starts[AT_ONCE];
    float32_lanes sums[AT_ONCE][FLOAT32_PARTS];
    for (int j = 0; j < AT_ONCE; j++) {
        starts[j] = b + (j < columns ? j : 0) * b_column;
        for (int q = 0; q < FLOAT32_PARTS; q++) {
            sums[j][q] = (float32_lanes){0};
        }
    }
    int64_t p = 0;
    for (; p + FLOAT32_SUMS <= inner; p += FLOAT32_SUMS) {
        for (int q = 0; q < FLOAT32_PARTS; q++) {
            float32_lanes left = load_float32(x + p + q * FLOAT32_LANES);
            for (int j = 0; j < AT_ONCE; j++) {
                sums[j][q] += left * load_float32(starts[j] + p + q * FLOAT32_LANES);
            }
        }
    }
    for (int q = 0; q < FLOAT32_PARTS && p + FLOAT32_LANES <= inner; q++) {
        float32_lanes left = load_float32(x + p);
        for (int j = 0; j < AT_ONCE; j++) {
            sums[j][q] += left * load_float32(starts[j] + p);
        }
        p += FLOAT32_LANES;
    }
    for (int j = 0; j < columns; j++) {
        float lanes[FLOAT32_LANES], *out = c + j * c_column;
        for (int half = FLOAT32_PARTS / 2; half > 0; half /= 2) {
            for (int q = 0; q < half; q++) {
                sums[j][q] += sums[j][q + half];
            }
        }
        store_float32(lanes, sums[j][0]);
        for (int half = FLOAT32_LANES / 2; half > 0; half /= 2) {
            for (int q = 0; q < half; q++) {
                lanes[q] += lanes[q + half];
            }
        }
        float sum = lanes[0];
        for (int64_t q = p; q < inner; q++) {
            sum += x[q] * starts[j][q];
        }
        *out = add ? *out + sum : sum;
    }
}

// Some rows times a matrix with columns that are contiguous.
static void rows_times_columns_float32(int64_t rows, int64_t columns, int64_t inner,
                                       const float *a, int64_t a_row, const float *b,
                                       int64_t b_column, float *c, int64_t c_row,
                                       int64_t c_column, int add) {
    for (int64_t j = 0; j < columns; j += 4) {
        for (int64_t i = 0; i < rows; i++) {
            row_times_columns_float32(at_most(columns - j, 4), inner, a + i * a_row,
                                      b + j * b_column, b_column,
                                      c + i * c_row + j * c_column, c_column, add);
        }
    }
}

// A column times a row.
static void column_times_row_float32(int64_t rows, int64_t columns, const float *a,
                                     int64_t a_row, const float *b, float *c,
                                     int64_t c_row, int add) {
    for (int64_t i = 0; i < rows; i++) {
        float x = a[i * a_row], *out = c + i * c_row;
        if (add) {
            for (int64_t j = 0; j < columns; j++) {
                out[j] += x * b[j];
            }
        } else {
            for (int64_t j = 0; j < columns; j++) {
                out[j] = x * b[j];
            }
        }
    }
}

// The product by tiles, for sizes and layouts of all kinds.
static void product_of_tiles_float32(int64_t rows, int64_t columns, int64_t inner,
                                     const float *a, int64_t a_row, int64_t a_column,
                                     const float *b, int64_t b_row, int64_t b_column,
                                     float *c, int64_t c_row, int add, float *room) {
    float *strip = room, *block = room + at_most(inner, BLOCK_INNER) * FLOAT32_TILE;
    int64_t p = 0;
    do {
        int64_t depth = at_most(inner - p, BLOCK_INNER);
        for (int64_t i = 0; i < rows; i += BLOCK_ROWS) {
            int64_t height = at_most(rows - i, BLOCK_ROWS);
            const float *left = a + i * a_row + p * a_column;
            if (columns >= MANY_COLUMNS) {
                pack_rows_float32(height, depth, left, a_row, a_column, block);
                left = block;
            }
            int64_t width = 0;
            for (int64_t j = 0; j < columns; j += width) {
                width = strip_columns(columns - j, FLOAT32_TILE, FLOAT32_LANES);
                const float *right = b + p * b_row + j * b_column;
                int64_t right_row = b_row;
                if (height >= 2 * TILE_ROWS || b_column != 1 || width < FLOAT32_LANES) {
                    pack_columns_float32(width, depth, right, b_row, b_column, strip);
                    right = strip;
                    right_row = FLOAT32_TILE;
                }
                strip_float32(height, width, depth, left, columns >= MANY_COLUMNS,
                              a_row, a_column, right, right_row, c + i * c_row + j,
                              c_row, add || p > 0);
            }
        }
        p += depth;
    } while (p < inner);
}

// c = a b, or c += a b, without BLAS.
static void own_matmul_float32(int64_t rows, int64_t columns, int64_t inner,
                               const float *a, int64_t a_row, int64_t a_column,
                               const float *b, int64_t b_row, int64_t b_column,
                               float *c, int64_t c_row, int add, float *room) {
    if (inner == 1 && b_column == 1) {
        column_times_row_float32(rows, columns, a, a_row, b, c, c_row, add);
    } else if (rows == 1 && b_column == 1) {
        row_times_rows_float32(columns, inner, a, a_column, b, b_row, c, add);
    } else if (rows <= FEW_ROWS && b_row == 1 && a_column == 1) {
        rows_times_columns_float32(rows, columns, inner, a, a_row, b, b_column, c,
                                   c_row, 1, add);
    } else if (columns == 1 && a_row == 1 && c_row == 1) {
        row_times_rows_float32(rows, inner, b, b_row, a, a_column, c, add);
    } else if (columns == 1 && a_column == 1 && b_row == 1) {
        rows_times_columns_float32(1, rows, inner, b, 0, a, a_row, c, 0, c_row, add);
    } else {
        product_of_tiles_float32(rows, columns, inner, a, a_row, a_column, b, b_row,
                                 b_column, c, c_row, add, room);
    }
}

#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC pop_options
#endif

// The function of BLAS, which is Fortran's: columns are contiguous, and all arguments
// are pointers.
typedef void float32_gemm(const char *, const char *, const int64_t *, const int64_t *,
                          const int64_t *, const float *, const float *,
                          const int64_t *, const float *, const int64_t *,
                          const float *, float *, const int64_t *);

static float32_gemm *blas_float32;

void use_blas_float32(float32_gemm *function) {
    blas_float32 = function;
}

// c = a b, or c += a b, for a [rows, inner] and b [inner, columns]. In c, columns are
// neighbours and rows are c_row apart; in a and b, both may be any number apart. c must
// not overlap a or b. room is where numbers of a and b are put side by side.
static void matmul_float32(int64_t rows, int64_t columns, int64_t inner, const float *a,
                           int64_t a_row, int64_t a_column, const float *b,
                           int64_t b_row, int64_t b_column, float *c, int64_t c_row,
                           int add, float *room) {
    // BLAS requires neighbours along one axis, and may read sizes as 32-bit integers.
    const int64_t limit = INT32_MAX;
    int64_t a_step = a_column == 1 ? a_row : a_column;
    int64_t b_step = b_column == 1 ? b_row : b_column;
    int are_neighbours = a_column == 1 && b_row == 1;
    if (blas_float32 == 0 || uses_own_loops(rows, columns, inner, are_neighbours)
        || (a_column != 1 && a_row != 1) || a_step < (a_column == 1 ? inner : rows)
        || (b_column != 1 && b_row != 1) || b_step < (b_column == 1 ? columns : inner)
        || c_row < columns || rows > limit || columns > limit || inner > limit
        || a_step > limit || b_step > limit || c_row > limit) {
        own_matmul_float32(rows, columns, inner, a, a_row, a_column, b, b_row, b_column,
                           c, c_row, add, room);
        return;
    }
    // c transposed is b transposed times a transposed.
    const float one = 1.0f, kept = add ? 1.0f : 0.0f;
    blas_float32(b_column == 1 ? "N" : "T", a_column == 1 ? "N" : "T", &columns, &rows,
                 &inner, &one, b, &b_step, a, &a_step, &kept, c, &c_row);
}
