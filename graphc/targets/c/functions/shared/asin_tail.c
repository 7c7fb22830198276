// needs: shared/fused
// z P(z) in asin s = s + s z P(z), z = s^2 <= 1/4.

static inline double asin_tail(double z) {
    double p = 0.03267842422934855;
    p = fused_float64(p, z, -0.02108011063372812);
    p = fused_float64(p, z, 0.021765786843521803);
    p = fused_float64(p, z, 0.003681960447395003);
    p = fused_float64(p, z, 0.010786859342157623);
    p = fused_float64(p, z, 0.011397707710045266);
    p = fused_float64(p, z, 0.013980971181534872);
    p = fused_float64(p, z, 0.017351599137184964);
    p = fused_float64(p, z, 0.022372215723556015);
    p = fused_float64(p, z, 0.030381942680901077);
    p = fused_float64(p, z, 0.0446428571751909);
    p = fused_float64(p, z, 0.07499999999970168);
    p = fused_float64(p, z, 0.16666666666666763);
    return p * z;
}
