/* A forced relaxation by Euler's method, and its gradients, backwards in time. */

void scan(int n, const float *u, float s, float h, float *kept, float *results)
{
    for (int t = 0; t < n; t++) {
        kept[t] = s;
        s = s + h * (u[t] - s * s * s);
    }
    float d = 1.0f, d_h = 0.0f;
    for (int t = n - 1; t >= 0; t--) {
        const float x = kept[t];
        d_h += d * (u[t] - x * x * x);
        d = d - d * h * 3.0f * (x * x);
    }
    results[0] = s;
    results[1] = d;
    results[2] = d_h;
}
