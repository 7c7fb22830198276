// needs: shared/choose shared/fused
// atan(a / b) for a, b >= 0, not both 0 or infinite: of t = a / b below tan(pi/8), pi/4
// plus that of (a - b) / (a + b) below tan(3 pi/8), and pi/2 plus that of -b / a above;
// atan t = t + t z P(z), z = t^2. pi/4 and pi/2 are in two parts.

static inline double atan_of_ratio(double a, double b) {
    int is_low = a <= 0.41421356 * b;
    int is_high = a > 2.4142135 * b;
    double above = choose_float64(is_low, a, choose_float64(is_high, -b, a - b));
    double below = choose_float64(is_low, b, choose_float64(is_high, a, a + b));
    double quarters = choose_float64(is_low, 0.0, choose_float64(is_high, 2.0, 1.0));
    double base = quarters * 0x1.921fb54442d18p-1;
    double base_low = quarters * 0x1.1a62633145c07p-55;
    double t = above / below;
    double z = t * t;
    double p = 0.014951940905549426;
    p = fused_float64(p, z, -0.03323047018033255);
    p = fused_float64(p, z, 0.044928606255291145);
    p = fused_float64(p, z, -0.052157201438248035);
    p = fused_float64(p, z, 0.05876595405949425);
    p = fused_float64(p, z, -0.06666182159619718);
    p = fused_float64(p, z, 0.07692279659420588);
    p = fused_float64(p, z, -0.09090908003538235);
    p = fused_float64(p, z, 0.11111111084146703);
    p = fused_float64(p, z, -0.14285714285321058);
    p = fused_float64(p, z, 0.19999999999997115);
    p = fused_float64(p, z, -0.33333333333333326);
    double rest = p * z * t + base_low;
    return choose_float64(is_low, t + rest, base + (t + rest));
}
