// needs: maximum
// Largest of 16 lanes, or NaN.

static inline float maximum_of_lanes_float32(float *lanes) {
    for (int width = 8; width > 0; width /= 2) {
        for (int lane = 0; lane < width; lane++) {
            lanes[lane] = maximum_float32(lanes[lane], lanes[lane + width]);
        }
    }
    return lanes[0];
}
