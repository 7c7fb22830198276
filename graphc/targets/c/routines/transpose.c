// to[i][j] = from[j][i] for 16 rows and columns. Positions in a tile have eight binary
// digits, four of the row and four of the column. Taking turns between the two halves
// moves the first digit behind the others; after four times, rows are columns.
static void transpose_tile_float32(const float *from, int64_t from_row, float *to,
                                   int64_t to_row) {
    enum { SIDE = 16, HALF = SIDE * SIDE / 2 };
    float tile[2 * HALF], other[2 * HALF];
    for (int64_t i = 0; i < SIDE; i++) {
        for (int64_t j = 0; j < SIDE; j++) {
            tile[i * SIDE + j] = from[i * from_row + j];
        }
    }
    for (int turn = 0; turn < 2; turn++) {
        for (int64_t i = 0; i < HALF; i++) {
            other[2 * i] = tile[i];
            other[2 * i + 1] = tile[HALF + i];
        }
        for (int64_t i = 0; i < HALF; i++) {
            tile[2 * i] = other[i];
            tile[2 * i + 1] = other[HALF + i];
        }
    }
    for (int64_t i = 0; i < SIDE; i++) {
        for (int64_t j = 0; j < SIDE; j++) {
            to[i * to_row + j] = tile[i * SIDE + j];
        }
    }
}

// to[i][j] = from[j][i], in tiles: of what a cache line holds, all is used at once.
static void transpose_float32(int64_t rows, int64_t columns, const float *from,
                              int64_t from_row, float *to, int64_t to_row) {
    const int64_t side = 16;
    for (int64_t j0 = 0; j0 < columns; j0 += side) {
        for (int64_t i0 = 0; i0 < rows; i0 += side) {
            const float *here = from + j0 * from_row + i0;
            float *there = to + i0 * to_row + j0;
            int64_t height = rows - i0, width = columns - j0;
            if (height >= side && width >= side) {
                transpose_tile_float32(here, from_row, there, to_row);
                continue;
            }
            for (int64_t i = 0; i < height && i < side; i++) {
                for (int64_t j = 0; j < width && j < side; j++) {
                    there[i * to_row + j] = here[j * from_row + i];
                }
            }
        }
    }
}
