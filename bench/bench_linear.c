/* Times the `linear` operation at the sizes of AssemLM 2.0, for its developers.
 *
 * A line gives the best of several runs in GFLOP/s, and what a loop of fused multiply-adds on as
 * many threads reached between them at best: other people's work on the machine slows both. Small
 * batches are given in GB/s of weights too. Results are spot-checked against float64 sums. Usage:
 * bench_linear [threads [repetitions [kernel]]].
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/core/memory.h"
#include "kernels/core/numeric.h"
#include "kernels/linear/linear.h"

typedef struct shape {
    int64_t n, k, m;
    alm_epilogue epilogue;
    int residual;
} shape;

static const shape shapes[] = {
    {1182, 2048, 2048, ALM_EPILOGUE_NONE, 1},    {1182, 2048, 1024, ALM_EPILOGUE_NONE, 0},
    {1182, 2048, 6144, ALM_EPILOGUE_SWIGLU, 0},  {1182, 6144, 2048, ALM_EPILOGUE_NONE, 1},
    {524, 2048, 6144, ALM_EPILOGUE_SWIGLU, 0},   {2592, 1024, 3072, ALM_EPILOGUE_NONE, 0},
    {2592, 1024, 1024, ALM_EPILOGUE_NONE, 1},    {2592, 1024, 4096, ALM_EPILOGUE_GELU_TANH, 0},
    {2592, 4096, 1024, ALM_EPILOGUE_NONE, 1},    {2592, 1536, 1024, ALM_EPILOGUE_NONE, 0},
    {648, 4096, 4096, ALM_EPILOGUE_GELU_ERF, 0}, {648, 4096, 2048, ALM_EPILOGUE_NONE, 0},
    {512, 1536, 1024, ALM_EPILOGUE_GELU_ERF, 0}, {512, 4096, 1024, ALM_EPILOGUE_NONE, 1},
    {512, 1024, 4096, ALM_EPILOGUE_RELU, 0},     {13, 2048, 2048, ALM_EPILOGUE_NONE, 0},
    {2, 4096, 4096, ALM_EPILOGUE_RELU, 0},       {1, 2048, 4096, ALM_EPILOGUE_RELU, 0},
    {1, 4096, 4096, ALM_EPILOGUE_RELU, 0},       {1, 2048, 6144, ALM_EPILOGUE_SWIGLU, 0},
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what the machine can do now ---- */

enum { PEAK_STEPS = 400000, PEAK_CHAINS = 12 };

/* PEAK_STEPS times PEAK_CHAINS independent fused multiply-adds of 16 floats, in registers. */
static void peak_task(void *context, int64_t index, int thread)
{
    (void)context;
    (void)index;
    (void)thread;
    int64_t steps = PEAK_STEPS;
    __asm__ volatile("vxorps %%xmm0, %%xmm0, %%xmm0\n"
                     "1:\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm1\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm2\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm3\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm4\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm5\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm6\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm7\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm8\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm9\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm10\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm11\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm12\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper"
                     : "+r"(steps)
                     :
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "cc");
}

/* NaN without AVX-512. */
static double peak_gflops(alm_pool *pool)
{
    if (alm_cpu_arch() < ALM_CPU_AVX512) {
        return (double)NAN;
    }
    const int threads = alm_pool_threads(pool);
    const double start = now();
    alm_parallel_for(pool, threads, peak_task, NULL);
    return 2.0 * 16 * PEAK_CHAINS * PEAK_STEPS * threads / (now() - start) * 1e-9;
}

/* ---- one shape ---- */

static uint64_t state = 88172645463325252u;

static float random_float(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (float)((double)(state >> 11) * 0x1p-52 - 1);
}

static double sum_of(const float *x, const alm_bf16 *w, int64_t k)
{
    double sum = 0;
    for (int64_t i = 0; i < k; i++) {
        sum += (double)x[i] * (double)alm_bf16_to_f32(w[i]);
    }
    return sum;
}

/* The largest error of some elements, relative to √K; epilogues other than NONE are not checked. */
static double worst_error(const alm_op_args *a, const float *residual_before)
{
    const int64_t n = a->in[0].desc.dim[0], k = a->in[0].desc.dim[1], m = a->in[1].desc.dim[0];
    double worst = 0;
    for (int i = 0; i < 200; i++) {
        const int64_t row = (int64_t)((double)n * 0.4999 * (1 + (double)random_float()));
        const int64_t column = (int64_t)((double)m * 0.4999 * (1 + (double)random_float()));
        double want = sum_of((const float *)a->in[0].data + row * k,
                             (const alm_bf16 *)a->in[1].data + column * k, k);
        want += residual_before ? (double)residual_before[row * m + column] : 0;
        const double got = (double)((const float *)a->out[0].data)[row * m + column];
        worst = fmax(worst, fabs(got - want) / sqrt((double)k));
    }
    return worst;
}

static alm_status bench(const shape *s, const alm_kernel *kernel, alm_pool *pool, int repetitions)
{
    enum { SETS = 4 }; /* of weights, in turn: a layer's weights are not in the cache */
    const int weights = s->epilogue == ALM_EPILOGUE_SWIGLU ? 2 : 1;
    float *x, *out, *residual;
    alm_bf16 *w;
    void *workspace;
    ALM_TRY(alm_alloc((size_t)(s->n * s->k), 4, "x", &x));
    ALM_TRY(alm_alloc((size_t)(s->n * s->m), 4, "out", &out));
    ALM_TRY(alm_alloc((size_t)(s->n * s->m), 4, "residual", &residual));
    ALM_TRY(alm_alloc((size_t)(s->m * s->k) * SETS * 2, 2, "weights", &w));
    for (int64_t i = 0; i < s->n * s->k; i++) {
        x[i] = random_float();
    }
    for (int64_t i = 0; i < s->m * s->k * SETS * 2; i++) {
        w[i] = alm_bf16_from_f32(random_float());
    }
    for (int64_t i = 0; i < s->n * s->m; i++) {
        residual[i] = random_float();
        out[i] = 0;
    }
    const alm_desc matrix = alm_desc_2(ALM_DTYPE_BF16, s->m, s->k);
    alm_tensor in[5] = {
        {.data = x, .stride = s->k, .desc = alm_desc_2(ALM_DTYPE_F32, s->n, s->k)},
        {.data = w, .stride = s->k, .desc = matrix},
    };
    const alm_tensor y = {
        .data = out, .stride = s->m, .desc = alm_desc_2(ALM_DTYPE_F32, s->n, s->m)};
    if (s->residual) {
        in[3] = y;
        in[3].data = residual;
    }
    if (weights == 2) {
        in[4] = in[1];
    }
    const alm_linear_attr attr = {.epilogue = s->epilogue};
    alm_op_args args = {.in = in, .n_in = 5, .out = &y, .n_out = 1, .attr = &attr};
    ALM_TRY(alm_op_linear.check(&args));
    const alm_device device = {.arch = alm_cpu_arch(), .threads = alm_pool_threads(pool)};
    const size_t bytes = kernel->workspace ? kernel->workspace(&args, &device) : 0;
    ALM_TRY(alm_alloc(bytes, 1, "workspace", &workspace));
    memset(workspace, 0xFF, bytes);
    args.workspace = workspace;

    const alm_exec exec = {.pool = pool};
    double best = 1e9, peak = 0;
    for (int i = 0; i < repetitions; i++) {
        in[1].data = w + (int64_t)(i % SETS) * 2 * s->m * s->k;
        in[4].data = (alm_bf16 *)in[1].data + s->m * s->k;
        const double before = peak_gflops(pool);
        const double start = now();
        ALM_TRY(kernel->run(&exec, &args));
        const double time = now() - start;
        const double around = 0.5 * (before + peak_gflops(pool));
        best = fmin(best, time);
        peak = fmax(peak, around);
    }
    const double flop = 2.0 * (double)(s->n * s->m * s->k * weights);
    printf("%5lld %5lld %5lld%s%s  %9.3f ms %7.1f GFLOP/s  peak %6.1f  %5.1f%%", (long long)s->n,
           (long long)s->k, (long long)s->m, weights == 2 ? "x2" : "  ", s->residual ? "+" : " ",
           best * 1e3, flop / best * 1e-9, peak, 100 * flop / best * 1e-9 / peak);
    if (s->n < 16) {
        printf("  %5.1f GB/s", 2e-9 * (double)(s->m * s->k * weights) / best);
    }
    if (s->epilogue == ALM_EPILOGUE_NONE) {
        printf("  error %.1e", worst_error(&args, s->residual ? residual : NULL));
    }
    printf("\n");
    fflush(stdout);
    alm_free(x);
    alm_free(out);
    alm_free(residual);
    alm_free(w);
    alm_free(workspace);
    return ALM_OK;
}

int main(int count, char **arguments)
{
    const int threads = count > 1 ? atoi(arguments[1]) : alm_core_count();
    const int repetitions = count > 2 ? atoi(arguments[2]) : 5;
    const alm_op_args none = {0};
    const alm_device device = {.arch = alm_cpu_arch(), .threads = threads};
    const alm_kernel *kernel =
        alm_op_kernel(&alm_op_linear, &none, &device, count > 3 ? arguments[3] : NULL);
    alm_pool *pool = NULL;
    alm_status status = alm_pool_create(threads, &pool);
    printf("%s, %d threads, best of %d\n    N     K     M\n", kernel->name, threads, repetitions);
    for (size_t i = 0; status == ALM_OK && i < sizeof shapes / sizeof *shapes; i++) {
        status = bench(&shapes[i], kernel, pool, repetitions);
    }
    if (status != ALM_OK) {
        fprintf(stderr, "bench_linear: %s\n", alm_error_message());
    }
    alm_pool_destroy(pool);
    return (int)status;
}
