/*
 * GELU in its tanh form and the gradient of its sum, in one pass.
 *
 * (1 + tanh(u)) / 2 is 1 / (1 + exp(-2u)).
 */

#include <math.h>
#include <stdint.h>

void gelu(int64_t count, const float *restrict x, float *restrict value,
          float *restrict gradient)
{
    const float linear = 1.5957691216f, cubic = 0.0713548163f; /* of 2u */
    for (int64_t i = 0; i < count; i++) {
        const float square = x[i] * x[i];
        /* Quick division makes NaN of infinity. */
        const float u = fminf(-x[i] * (linear + cubic * square), 80);
        const float p = 1 / (1 + expf(u));
        value[i] = x[i] * p;
        gradient[i] = p + value[i] * (1 - p) * (linear + 3 * cubic * square);
    }
}
