// Products of matrices whose elements stand at places of their own: a[i][p] at
// a_rows[i] + a_columns[p], and b[p][j] at b_rows[p] + b_columns[j]. So windows of an
// image are multiplied where they are, and never copied side by side. The sums have the
// order of p; but where neighbours along p are neighbours in both a and b, a sum has as
// many lanes as a vector, which are added up in a fixed order.

#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

typedef __typeof__((float32_lanes){0} != (float32_lanes){0}) float32_bits;

// A tile of c: some rows of one vector or two, of which `kept` columns are stored. Rows
// of b begin at b_rows.
static inline __attribute__((always_inline)) void
tile_of_places_float32(int height, int vectors, int64_t rows, int64_t kept,
                       int64_t inner, const float *a, const int64_t *a_rows,
                       const int64_t *a_columns, const float *b, const int64_t *b_rows,
                       float *c, int64_t c_row, int64_t c_column, int add) {
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
        const float *right = b + b_rows[p];
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
    if (neighbours_from(b_columns, columns) == FLOAT32_TILE) {
        for (int64_t p = 0; p < inner; p++) {
            const float *from = b + b_rows[p] + b_columns[0];
            float *to = packed + p * FLOAT32_TILE;
            store_float32(to, load_float32(from));
            store_float32(to + FLOAT32_LANES, load_float32(from + FLOAT32_LANES));
        }
        return;
    }
    for (int64_t p = 0; p < inner; p++) {
        const float *row = b + b_rows[p];
        for (int64_t j = 0; j < FLOAT32_TILE; j++) {
            float x = j < columns ? row[b_columns[j < columns ? j : 0]] : 0.0f;
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
                                    const int64_t *a_columns, const float *b,
                                    const int64_t *b_rows, float *c, int64_t c_row,
                                    int64_t c_column, int add) {
    int64_t count = 0;
    for (int64_t i = 0; i < rows; i += count) {
        count = tile_rows(rows - i);
        float *to = c + i * c_row;
        if (columns <= FLOAT32_LANES) {
            tile_of_places_float32(6, 1, count, columns, inner, a, a_rows + i,
                                   a_columns, b, b_rows, to, c_row, c_column, add);
        } else if (count == 1) {
            tile_of_places_float32(1, 2, count, columns, inner, a, a_rows + i,
                                   a_columns, b, b_rows, to, c_row, c_column, add);
        } else if (count <= 4) {
            tile_of_places_float32(4, 2, count, columns, inner, a, a_rows + i,
                                   a_columns, b, b_rows, to, c_row, c_column, add);
        } else {
            tile_of_places_float32(6, 2, count, columns, inner, a, a_rows + i,
                                   a_columns, b, b_rows, to, c_row, c_column, add);
        }
    }
}

// A tile of c from runs: p goes through `runs` runs of `run` neighbours, of which the
// first ones stand at a_runs and b_runs.
static inline __attribute__((always_inline)) void
tile_of_runs_float32(int height, int64_t rows, int64_t columns, int64_t runs,
                     int64_t run, const float *a, const int64_t *a_rows,
                     const int64_t *a_runs, const float *b, const int64_t *b_columns,
                     const int64_t *b_runs, float *c, int64_t c_row, int64_t c_column,
                     int add) {
    const float *left[RUN_ROWS], *right[RUN_COLUMNS];
    float32_lanes sums[RUN_ROWS][RUN_COLUMNS];
    // Rows and columns that are missing are computed as the first one, and not stored.
    for (int j = 0; j < RUN_COLUMNS; j++) {
        right[j] = b + b_columns[j < columns ? j : 0];
    }
    for (int i = 0; i < height; i++) {
        left[i] = a + a_rows[i < rows ? i : 0];
        for (int j = 0; j < RUN_COLUMNS; j++) {
            sums[i][j] = (float32_lanes){0};
        }
    }
    int64_t rest = run % FLOAT32_LANES;
    float lanes[FLOAT32_LANES];
    for (int lane = 0; lane < FLOAT32_LANES; lane++) {
        lanes[lane] = lane < FLOAT32_LANES - rest ? 0.0f : 1.0f;
    }
    float32_bits is_new = load_float32(lanes) != (float32_lanes){0};
    for (int64_t q = 0; q < runs; q++) {
        int64_t a_start = a_runs[q], b_start = b_runs[q];
        for (int64_t p = 0; p + FLOAT32_LANES <= run; p += FLOAT32_LANES) {
            float32_lanes x[RUN_COLUMNS];
            for (int j = 0; j < RUN_COLUMNS; j++) {
                x[j] = load_float32(right[j] + b_start + p);
            }
            for (int i = 0; i < height; i++) {
                float32_lanes y = load_float32(left[i] + a_start + p);
                for (int j = 0; j < RUN_COLUMNS; j++) {
                    sums[i][j] += y * x[j];
                }
            }
        }
        // The last vector begins with numbers that were there before.
        for (int64_t p = run - FLOAT32_LANES; rest && p < run; p = run) {
            float32_lanes x[RUN_COLUMNS];
            for (int j = 0; j < RUN_COLUMNS; j++) {
                x[j] = load_float32(right[j] + b_start + p);
                x[j] = (float32_lanes)((float32_bits)x[j] & is_new);
            }
            for (int i = 0; i < height; i++) {
                float32_lanes y = load_float32(left[i] + a_start + p);
                y = (float32_lanes)((float32_bits)y & is_new);
                for (int j = 0; j < RUN_COLUMNS; j++) {
                    sums[i][j] += y * x[j];
                }
            }
        }
    }
    for (int i = 0; i < height && i < rows; i++) {
        for (int j = 0; j < RUN_COLUMNS && j < columns; j++) {
            store_float32(lanes, sums[i][j]);
            for (int half = FLOAT32_LANES / 2; half > 0; half /= 2) {
                for (int lane = 0; lane < half; lane++) {
                    lanes[lane] += lanes[lane + half];
                }
            }
            float *to = c + i * c_row + j * c_column;
            *to = add ? *to + lanes[0] : lanes[0];
        }
    }
}

// c = a b, where p goes through runs of neighbours.
static void matmul_of_runs_float32(int64_t run, const float *a,
                                   const struct axis *a_row,
                                   const struct axis *a_column, const float *b,
                                   const struct axis *b_row,
                                   const struct axis *b_column, float *c,
                                   int64_t c_row, int64_t c_column) {
    int64_t rows = size_of(a_row), columns = size_of(b_column);
    int64_t inner = size_of(a_column), depth = 0;
    int64_t a_rows[BLOCK_PLACES], b_columns[BLOCK_PLACES];
    int64_t a_runs[BLOCK_RUNS / FLOAT32_LANES], b_runs[BLOCK_RUNS / FLOAT32_LANES];
    for (int64_t p = 0; p < inner; p += depth) {
        // Several runs, or a part of one that leaves at least a vector.
        int64_t left = run - p % run;
        int64_t length = strip_columns(left, BLOCK_RUNS, FLOAT32_LANES);
        int64_t runs = length < run ? 1 : at_most((inner - p) / run, BLOCK_RUNS / run);
        depth = runs * length;
        for (int64_t q = 0; q < runs; q++) {
            places_of(a_column, p + q * run, 1, a_runs + q);
            places_of(b_row, p + q * run, 1, b_runs + q);
        }
        for (int64_t i = 0; i < rows; i += BLOCK_PLACES) {
            int64_t height = at_most(rows - i, BLOCK_PLACES);
            places_of(a_row, i, height, a_rows);
            for (int64_t j = 0; j < columns; j += BLOCK_PLACES) {
                int64_t width = at_most(columns - j, BLOCK_PLACES);
                places_of(b_column, j, width, b_columns);
                for (int64_t k = 0; k < width; k += RUN_COLUMNS) {
                    for (int64_t h = 0; h < height; h += RUN_ROWS) {
                        float *to = c + (i + h) * c_row + (j + k) * c_column;
                        if (height - h == 1) {
                            tile_of_runs_float32(1, 1, width - k, runs, length, a,
                                                 a_rows + h, a_runs, b, b_columns + k,
                                                 b_runs, to, c_row, c_column, p > 0);
                        } else {
                            tile_of_runs_float32(RUN_ROWS, height - h, width - k, runs,
                                                 length, a, a_rows + h, a_runs, b,
                                                 b_columns + k, b_runs, to, c_row,
                                                 c_column, p > 0);
                        }
                    }
                }
            }
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
    int64_t run = run_of(a_column, b_row);
    int is_long = run >= 4 * FLOAT32_LANES || run % FLOAT32_LANES == 0;
    if (run >= FLOAT32_LANES && is_long && inner > 0) {
        matmul_of_runs_float32(run, a, a_row, a_column, b, b_row, b_column, c, c_row,
                               c_column);
        return;
    }
    if (b_column->steps[b_column->digits - 1] != 1 && rows < columns && c_column == 1) {
        // c transposed is b transposed times a transposed: fewer numbers are packed.
        matmul_of_places_float32(b, b_column, b_row, a, a_column, a_row, c, c_column,
                                 c_row, room);
        return;
    }
    int is_packed = rows > TILE_ROWS && columns >= MANY_COLUMNS && c_column == 1;
    float *strip = room, *block = room + at_most(inner, BLOCK_PLACES) * FLOAT32_TILE;
    int64_t a_rows[BLOCK_PLACES], a_columns[BLOCK_PLACES];
    int64_t b_rows[BLOCK_PLACES], b_columns[BLOCK_PLACES], strip_rows[BLOCK_PLACES];
    for (int64_t q = 0; q < BLOCK_PLACES; q++) {
        strip_rows[q] = q * FLOAT32_TILE;
    }
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
                    // What is read once is read where it is.
                    if (height <= TILE_ROWS && !is_packed
                        && neighbours_from(b_columns + k, kept) == FLOAT32_TILE) {
                        strip_of_places_float32(height, kept, depth, a, a_rows,
                                                a_columns, b + b_columns[k], b_rows, to,
                                                c_row, c_column, p > 0);
                        continue;
                    }
                    pack_places_float32(kept, depth, b, b_rows, b_columns + k, strip);
                    if (is_packed) {
                        strip_float32(height, kept, depth, block, 1, 0, 0, strip,
                                      FLOAT32_TILE, to, c_row, p > 0);
                    } else {
                        strip_of_places_float32(height, kept, depth, a, a_rows,
                                                a_columns, strip, strip_rows, to, c_row,
                                                c_column, p > 0);
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
