// erf x = x + x P(x^2) for |x| < 3/4.

static inline float erf_small_float32(float x) {
    float z = x * x;
    float p = -0.00067798473f;
    p = p * z + 0.0051188124f;
    p = p * z + -0.026836967f;
    p = p * z + 0.11283428f;
    p = p * z + -0.37612623f;
    p = p * z + 0.12837917f;
    return x + x * p;
}

static inline double erf_small_float64(double x) {
    double z = x * x;
    double p = -1.3963895021921153e-08;
    p = p * z + 5.484311744451922e-08;
    p = p * z + -2.1759256266780118e-07;
    p = p * z + 1.687210778602308e-06;
    p = p * z + -1.494499879027174e-05;
    p = p * z + 0.00012055919684431463;
    p = p * z + -0.0008548338454683666;
    p = p * z + 0.005223977764402674;
    p = p * z + -0.02686617065499841;
    p = p * z + 0.11283791670991157;
    p = p * z + -0.3761263890318427;
    p = p * z + 0.1283791670955126;
    return x + x * p;
}
