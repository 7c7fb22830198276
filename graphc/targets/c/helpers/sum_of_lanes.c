// Sum of 16 lanes, always in the same order.

static inline float sum_of_lanes_float32(float *lanes) {
    for (int width = 8; width > 0; width /= 2) {
        for (int lane = 0; lane < width; lane++) {
            lanes[lane] += lanes[lane + width];
        }
    }
    return lanes[0];
}
