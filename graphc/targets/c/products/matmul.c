// Products of matrices. c[i][j] is the sum of a[i][p] b[p][j] in the order of p, with one
// rounding a step where the processor has fused multiply-add and two elsewhere: the bits do
// not depend on how the work is divided. Only a single row or column times numbers that are
// neighbours in memory is summed in another order, that of row_times_columns_float32.

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

// A tile of c: up to 6 rows, and the columns of two vectors, kept in registers.
static void tile_float32(int64_t rows, int64_t inner, const float *a, int64_t a_row,
                         int64_t a_column, const float *b, int64_t b_row, float *c,
                         int64_t c_row, int add)
{
    const float *a_rows[TILE_ROWS];
    float32_lanes sums[TILE_ROWS][2];
    for (int i = 0; i < TILE_ROWS; i++) {
        // Rows that are missing are computed as the first one, and not stored.
        int64_t row = i < rows ? i : 0;
        const float32_lanes *start = (const float32_lanes *)(c + row * c_row);
        a_rows[i] = a + row * a_row;
        sums[i][0] = add ? start[0] : (float32_lanes){0};
        sums[i][1] = add ? start[1] : (float32_lanes){0};
    }
    for (int64_t p = 0; p < inner; p++) {
        const float32_lanes *b_lanes = (const float32_lanes *)(b + p * b_row);
        float32_lanes first = b_lanes[0], second = b_lanes[1];
        for (int i = 0; i < TILE_ROWS; i++) {
            float x = a_rows[i][p * a_column];
            sums[i][0] += x * first;
            sums[i][1] += x * second;
        }
    }
    for (int i = 0; i < TILE_ROWS; i++) {
        if (i < rows) {
            float32_lanes *end = (float32_lanes *)(c + i * c_row);
            end[0] = sums[i][0];
            end[1] = sums[i][1];
        }
    }
}

// Some columns of b side by side, with zeros in place of those that are missing.
static void pack_columns_float32(int64_t inner, int64_t columns, const float *b,
                                 int64_t b_row, int64_t b_column, float *packed)
{
    if (b_column == 1 && columns == FLOAT32_TILE) {
        for (int64_t p = 0; p < inner; p++) {
            const float32_lanes *from = (const float32_lanes *)(b + p * b_row);
            float32_lanes *to = (float32_lanes *)(packed + p * FLOAT32_TILE);
            to[0] = from[0];
            to[1] = from[1];
        }
        return;
    }
    for (int64_t j = 0; j < FLOAT32_TILE; j++) {
        for (int64_t p = 0; p < inner; p++) {
            float x = j < columns ? b[p * b_row + j * b_column] : 0.0f;
            packed[p * FLOAT32_TILE + j] = x;
        }
    }
}

// Rows of a, as many side by side as a tile has.
static void pack_rows_float32(int64_t rows, int64_t inner, const float *a, int64_t a_row,
                              int64_t a_column, float *packed)
{
    for (int64_t i = 0; i < rows; i++) {
        float *to = packed + i / TILE_ROWS * TILE_ROWS * inner + i % TILE_ROWS;
        for (int64_t p = 0; p < inner; p++) {
            to[p * TILE_ROWS] = a[i * a_row + p * a_column];
        }
    }
}

// The tiles of some rows of c in two vectors' columns, the last of which may be missing.
static void strip_float32(int64_t rows, int64_t columns, int64_t inner, const float *a,
                          int64_t a_step, int64_t a_row, int64_t a_column, const float *b,
                          int64_t b_row, float *c, int64_t c_row, int add)
{
    float edge[TILE_ROWS * FLOAT32_TILE] = {0};
    for (int64_t i = 0; i < rows; i += TILE_ROWS) {
        int64_t count = at_most(rows - i, TILE_ROWS);
        const float *left = a + i * a_step;
        float *out = c + i * c_row;
        if (columns == FLOAT32_TILE) {
            tile_float32(count, inner, left, a_row, a_column, b, b_row, out, c_row, add);
            continue;
        }
        for (int64_t q = 0; add && q < count; q++) {
            for (int64_t j = 0; j < columns; j++) {
                edge[q * FLOAT32_TILE + j] = out[q * c_row + j];
            }
        }
        tile_float32(count, inner, left, a_row, a_column, b, b_row, edge, FLOAT32_TILE, add);
        for (int64_t q = 0; q < count; q++) {
            for (int64_t j = 0; j < columns; j++) {
                out[q * c_row + j] = edge[q * FLOAT32_TILE + j];
            }
        }
    }
}

// A row x times a matrix with rows that are contiguous.
static void row_times_rows_float32(int64_t columns, int64_t inner, const float *x,
                                   int64_t x_step, const float *b, int64_t b_row, float *c,
                                   int add)
{
    int64_t j = 0;
    for (; j + 4 * FLOAT32_LANES <= columns; j += 4 * FLOAT32_LANES) {
        float32_lanes *out = (float32_lanes *)(c + j), sums[4];
        for (int i = 0; i < 4; i++) {
            sums[i] = add ? out[i] : (float32_lanes){0};
        }
        for (int64_t p = 0; p < inner; p++) {
            const float32_lanes *right = (const float32_lanes *)(b + p * b_row + j);
            for (int i = 0; i < 4; i++) {
                sums[i] += x[p * x_step] * right[i];
            }
        }
        for (int i = 0; i < 4; i++) {
            out[i] = sums[i];
        }
    }
    if (j < columns) {
        float sums[4 * FLOAT32_LANES] = {0};
        int64_t rest = columns - j;
        for (int64_t i = 0; add && i < rest; i++) {
            sums[i] = c[j + i];
        }
        for (int64_t p = 0; p < inner; p++) {
            for (int64_t i = 0; i < rest; i++) {
                sums[i] += x[p * x_step] * b[p * b_row + j + i];
            }
        }
        for (int64_t i = 0; i < rest; i++) {
            c[j + i] = sums[i];
        }
    }
}

// A row x times a matrix with columns that are contiguous. Of the numbers at p, p + 16,
// p + 32 ... (8 in float64) a sum is made for each p; halves of these are added to each
// other until one is left.
static void row_times_columns_float32(int64_t columns, int64_t inner, const float *x,
                                      const float *b, int64_t b_column, float *c,
                                      int64_t c_step, int add)
{
    enum { AT_ONCE = 4 };
    for (int64_t j = 0; j < columns; j += AT_ONCE) {
        int64_t count = at_most(columns - j, AT_ONCE), p = 0;
        const float *starts[AT_ONCE];
        float32_lanes sums[AT_ONCE][FLOAT32_PARTS];
        for (int i = 0; i < AT_ONCE; i++) {
            starts[i] = b + (j + (i < count ? i : 0)) * b_column;
            for (int q = 0; q < FLOAT32_PARTS; q++) {
                sums[i][q] = (float32_lanes){0};
            }
        }
        for (; p + FLOAT32_SUMS <= inner; p += FLOAT32_SUMS) {
            for (int q = 0; q < FLOAT32_PARTS; q++) {
                float32_lanes left = *(const float32_lanes *)(x + p + q * FLOAT32_LANES);
                for (int i = 0; i < AT_ONCE; i++) {
                    const float *right = starts[i] + p + q * FLOAT32_LANES;
                    sums[i][q] += left * *(const float32_lanes *)right;
                }
            }
        }
        for (int i = 0; i < count; i++) {
            float lanes[FLOAT32_SUMS];
            for (int q = 0; q < FLOAT32_PARTS; q++) {
                *(float32_lanes *)(lanes + q * FLOAT32_LANES) = sums[i][q];
            }
            for (int64_t q = p; q < inner; q++) {
                lanes[q - p] += x[q] * starts[i][q];
            }
            for (int half = FLOAT32_SUMS / 2; half > 0; half /= 2) {
                for (int q = 0; q < half; q++) {
                    lanes[q] += lanes[q + half];
                }
            }
            float *out = c + (j + i) * c_step;
            *out = add ? *out + lanes[0] : lanes[0];
        }
    }
}

// A column times a row.
static void column_times_row_float32(int64_t rows, int64_t columns, const float *a,
                                     int64_t a_row, const float *b, float *c, int64_t c_row,
                                     int add)
{
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
                                     float *c, int64_t c_row, int add, float *room)
{
    float *strip = room, *block = room + at_most(inner, BLOCK_INNER) * FLOAT32_TILE;
    int64_t p = 0;
    do {
        int64_t depth = at_most(inner - p, BLOCK_INNER);
        for (int64_t i = 0; i < rows; i += BLOCK_ROWS) {
            int64_t height = at_most(rows - i, BLOCK_ROWS);
            const float *left = a + i * a_row + p * a_column;
            int64_t left_step = a_row, left_row = a_row, left_column = a_column;
            if (columns >= MANY_COLUMNS) {
                pack_rows_float32(height, depth, left, a_row, a_column, block);
                left = block;
                left_step = depth;
                left_row = 1;
                left_column = TILE_ROWS;
            }
            for (int64_t j = 0; j < columns; j += FLOAT32_TILE) {
                int64_t width = at_most(columns - j, FLOAT32_TILE);
                const float *right = b + p * b_row + j * b_column;
                int64_t right_row = b_row;
                if (height >= 2 * TILE_ROWS || b_column != 1 || width < FLOAT32_TILE) {
                    pack_columns_float32(depth, width, right, b_row, b_column, strip);
                    right = strip;
                    right_row = FLOAT32_TILE;
                }
                strip_float32(height, width, depth, left, left_step, left_row, left_column,
                              right, right_row, c + i * c_row + j, c_row, add || p > 0);
            }
        }
        p += depth;
    } while (p < inner);
}

// c = a b, or c += a b, without BLAS.
static void own_matmul_float32(int64_t rows, int64_t columns, int64_t inner, const float *a,
                               int64_t a_row, int64_t a_column, const float *b,
                               int64_t b_row, int64_t b_column, float *c, int64_t c_row,
                               int add, float *room)
{
    if (inner == 1 && b_column == 1) {
        column_times_row_float32(rows, columns, a, a_row, b, c, c_row, add);
    } else if (rows == 1 && b_column == 1) {
        row_times_rows_float32(columns, inner, a, a_column, b, b_row, c, add);
    } else if (rows == 1 && b_row == 1 && a_column == 1) {
        row_times_columns_float32(columns, inner, a, b, b_column, c, 1, add);
    } else if (columns == 1 && a_row == 1 && c_row == 1) {
        row_times_rows_float32(rows, inner, b, b_row, a, a_column, c, add);
    } else if (columns == 1 && a_column == 1 && b_row == 1) {
        row_times_columns_float32(rows, inner, b, a, a_row, c, c_row, add);
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

// The function of BLAS, which is Fortran's: columns are contiguous, arguments are pointers.
typedef void float32_gemm(const char *, const char *, const int64_t *, const int64_t *,
                          const int64_t *, const float *, const float *, const int64_t *,
                          const float *, const int64_t *, const float *, float *,
                          const int64_t *);

static float32_gemm *blas_float32;

void use_blas_float32(float32_gemm *function)
{
    blas_float32 = function;
}

// c = a b, or c += a b, for a [rows, inner] and b [inner, columns]. In c, columns are
// neighbours and rows are c_row apart; in a and b, both may be any number apart. c must not
// overlap a or b. room has the numbers that matmul_room in products.py says.
static void matmul_float32(int64_t rows, int64_t columns, int64_t inner, const float *a,
                           int64_t a_row, int64_t a_column, const float *b, int64_t b_row,
                           int64_t b_column, float *c, int64_t c_row, int add, float *room)
{
    // BLAS requires neighbours along one axis, and may read sizes as 32-bit integers.
    const int64_t limit = INT32_MAX;
    int64_t a_step = a_column == 1 ? a_row : a_column;
    int64_t b_step = b_column == 1 ? b_row : b_column;
    if (blas_float32 == 0 || uses_own_loops(rows, columns, inner)
        || (a_column != 1 && a_row != 1) || a_step < (a_column == 1 ? inner : rows)
        || (b_column != 1 && b_row != 1) || b_step < (b_column == 1 ? columns : inner)
        || c_row < columns || rows > limit || columns > limit || inner > limit
        || a_step > limit || b_step > limit || c_row > limit) {
        own_matmul_float32(rows, columns, inner, a, a_row, a_column, b, b_row, b_column, c,
                           c_row, add, room);
        return;
    }
    // c transposed is b transposed times a transposed.
    const float one = 1.0f, kept = add ? 1.0f : 0.0f;
    blas_float32(b_column == 1 ? "N" : "T", a_column == 1 ? "N" : "T", &columns, &rows, &inner,
                 &one, b, &b_step, a, &a_step, &kept, c, &c_row);
}
