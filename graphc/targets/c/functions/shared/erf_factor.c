// needs: shared/fused
// P(x^2) in erf x = x + x P(x^2) for |x| < 3/4.

static inline float erf_factor_float32(float x) {
    float z = x * x;
    float p = -0.00067798473f;
    p = fused_float32(p, z, 0.0051188124f);
    p = fused_float32(p, z, -0.026836967f);
    p = fused_float32(p, z, 0.11283428f);
    p = fused_float32(p, z, -0.37612623f);
    return fused_float32(p, z, 0.12837917f);
}

static inline double erf_factor_float64(double x) {
    double z = x * x;
    double p = -1.3963895021921153e-08;
    p = fused_float64(p, z, 5.484311744451922e-08);
    p = fused_float64(p, z, -2.1759256266780118e-07);
    p = fused_float64(p, z, 1.687210778602308e-06);
    p = fused_float64(p, z, -1.494499879027174e-05);
    p = fused_float64(p, z, 0.00012055919684431463);
    p = fused_float64(p, z, -0.0008548338454683666);
    p = fused_float64(p, z, 0.005223977764402674);
    p = fused_float64(p, z, -0.02686617065499841);
    p = fused_float64(p, z, 0.11283791670991157);
    p = fused_float64(p, z, -0.3761263890318427);
    return fused_float64(p, z, 0.1283791670955126);
}
