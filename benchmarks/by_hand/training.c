/*
 * A training step of a network as one writes it by hand: cross-entropy of logits, the
 * mean over a batch, then SGD or Adam. Matrix products are NumPy's BLAS; a batch of one
 * row has loops of its own, with vectors.
 *
 * Defined by the compiler's command: RELU, SIGMOID or TANH, the activation; ADAM, or
 * else it is SGD with MOMENTUM, which may be 0.
 *
 * With plain SGD, the product of a weight's gradient is added to the weight at once, so
 * that the gradient is never in memory. Nothing is looked at for NaN.
 */

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef void gemm(const char *, const char *, const int64_t *, const int64_t *,
                  const int64_t *, const float *, const float *, const int64_t *,
                  const float *, const int64_t *, const float *, float *,
                  const int64_t *);

static gemm *sgemm;

void use_blas(gemm *function) { sgemm = function; }

enum { MOST_LAYERS = 8 };

struct network {
    int64_t layers;
    int64_t sizes[MOST_LAYERS + 1];
    float *weights[MOST_LAYERS]; /* (outputs, inputs) */
    float *biases[MOST_LAYERS];
    float *values[MOST_LAYERS];  /* (batch, outputs): activations; of the last, errors */
    float *errors[MOST_LAYERS];
    /* Numbers of weights and biases, which lie side by side, as gradients and state do. */
    int64_t count;
    float *parameters, *gradients, *first, *second;
    float *d_weights[MOST_LAYERS], *d_biases[MOST_LAYERS];
    float rate;
    int64_t steps;
};

/* c = scale a b + kept c of matrices by columns, as Fortran has them. */
static void product(const char *a_kind, const char *b_kind, int64_t rows,
                    int64_t columns, int64_t inner, float scale, const float *a,
                    int64_t a_step, const float *b, int64_t b_step, float kept,
                    float *c)
{
    sgemm(a_kind, b_kind, &rows, &columns, &inner, &scale, a, &a_step, b, &b_step,
          &kept, c, &rows);
}

static float activation(float x)
{
#if defined(RELU)
    return x > 0 ? x : 0;
#elif defined(TANH)
    return tanhf(x);
#else
    return 1 / (1 + expf(-x));
#endif
}

static float slope(float value)
{
#if defined(RELU)
    return value > 0;
#elif defined(TANH)
    return 1 - value * value;
#else
    return value * (1 - value);
#endif
}

static void weighted_sums(int64_t batch, int64_t inputs, int64_t outputs,
                          const float *restrict x, const float *restrict weight,
                          const float *restrict bias, float *restrict sums)
{
    if (batch == 1) {
        for (int64_t i = 0; i < outputs; i++) {
            float sum = 0;
            for (int64_t j = 0; j < inputs; j++)
                sum += weight[i * inputs + j] * x[j];
            sums[i] = sum + bias[i];
        }
        return;
    }
    for (int64_t i = 0; i < batch; i++)
        memcpy(sums + i * outputs, bias, outputs * sizeof(float));
    product("T", "N", outputs, batch, inputs, 1, weight, inputs, x, inputs, 1, sums);
}

/* The errors of the inputs, d W. */
static void errors_before(int64_t batch, int64_t inputs, int64_t outputs,
                          const float *restrict d, const float *restrict weight,
                          float *restrict result)
{
    if (batch == 1) {
        memset(result, 0, inputs * sizeof(float));
        for (int64_t i = 0; i < outputs; i++)
            for (int64_t j = 0; j < inputs; j++)
                result[j] += d[i] * weight[i * inputs + j];
        return;
    }
    product("N", "N", inputs, batch, outputs, 1, weight, inputs, d, outputs, 0, result);
}

/* result = scale d^T x + kept result */
static void outer(int64_t batch, int64_t inputs, int64_t outputs, float scale,
                  const float *restrict d, const float *restrict x, float kept,
                  float *restrict result)
{
    if (batch == 1) {
        for (int64_t i = 0; i < outputs; i++) {
            const float factor = scale * d[i];
            for (int64_t j = 0; j < inputs; j++)
                result[i * inputs + j] = kept * result[i * inputs + j] + factor * x[j];
        }
        return;
    }
    product("N", "T", inputs, outputs, batch, scale, x, inputs, d, outputs, kept,
            result);
}

static void add_rows(int64_t batch, int64_t outputs, float scale,
                     const float *restrict d, float *restrict result)
{
    for (int64_t i = 0; i < batch; i++)
        for (int64_t j = 0; j < outputs; j++)
            result[j] += scale * d[i * outputs + j];
}

/* The loss, and its gradient by the logits in their place. */
static float cross_entropy(int64_t batch, int64_t classes, float *restrict logits,
                           const int64_t *restrict labels)
{
    float loss = 0;
    for (int64_t i = 0; i < batch; i++) {
        float *row = logits + i * classes, largest = row[0], total = 0;
        for (int64_t j = 1; j < classes; j++)
            largest = row[j] > largest ? row[j] : largest;
        loss += largest - row[labels[i]];
        for (int64_t j = 0; j < classes; j++) {
            row[j] = expf(row[j] - largest);
            total += row[j];
        }
        loss += logf(total);
        const float scale = 1 / (total * batch);
        for (int64_t j = 0; j < classes; j++)
            row[j] *= scale;
        row[labels[i]] -= 1.0f / batch;
    }
    return loss / batch;
}

#if defined(ADAM)
static void adam(struct network *net)
{
    const double step = (double)++net->steps;
    const float rate = (float)(net->rate / (1 - pow(0.9, step)));
    const float correction = (float)(1 / sqrt(1 - pow(0.999, step)));
    float *restrict p = net->parameters, *restrict m = net->first;
    float *restrict v = net->second;
    const float *restrict g = net->gradients;
    for (int64_t i = 0; i < net->count; i++) {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.999f * v[i] + 0.001f * (g[i] * g[i]);
        p[i] -= rate * m[i] / (sqrtf(v[i]) * correction + 1e-8f);
    }
}
#endif

float train_step(struct network *net, int64_t batch, const float *x,
                 const int64_t *labels)
{
    const int64_t last = net->layers - 1;
    for (int64_t l = 0; l <= last; l++) {
        const int64_t inputs = net->sizes[l], outputs = net->sizes[l + 1];
        float *values = net->values[l];
        weighted_sums(batch, inputs, outputs, l ? net->values[l - 1] : x,
                      net->weights[l], net->biases[l], values);
        if (l < last)
            for (int64_t i = 0; i < batch * outputs; i++)
                values[i] = activation(values[i]);
    }
    float *d = net->values[last];
    const float loss = cross_entropy(batch, net->sizes[last + 1], d, labels);
    for (int64_t l = last; l >= 0; l--) {
        const int64_t inputs = net->sizes[l], outputs = net->sizes[l + 1];
        const float *values = l ? net->values[l - 1] : x;
        float *errors = l ? net->errors[l - 1] : 0;
        if (l) {
            errors_before(batch, inputs, outputs, d, net->weights[l], errors);
            for (int64_t i = 0; i < batch * inputs; i++)
                errors[i] *= slope(values[i]);
        }
#if defined(ADAM)
        const float scale = 1, kept = 0;
        float *weight = net->d_weights[l], *bias = net->d_biases[l];
        memset(bias, 0, outputs * sizeof(float));
#elif defined(MOMENTUM)
        const float scale = 1, kept = MOMENTUM;
        float *weight = net->d_weights[l], *bias = net->d_biases[l];
        for (int64_t i = 0; i < outputs; i++)
            bias[i] *= kept;
#else
        const float scale = -net->rate, kept = 1;
        float *weight = net->weights[l], *bias = net->biases[l];
#endif
        outer(batch, inputs, outputs, scale, d, values, kept, weight);
        add_rows(batch, outputs, scale, d, bias);
        d = errors;
    }
#if defined(ADAM)
    adam(net);
#elif defined(MOMENTUM)
    for (int64_t i = 0; i < net->count; i++)
        net->parameters[i] -= net->rate * net->gradients[i];
#endif
    return loss;
}
