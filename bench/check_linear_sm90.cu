/* Checks and times the Hopper kernel of linear on a device; for its developers.
 *
 *     nvcc -std=c++20 -O3 -I. -gencode=arch=compute_90a,code=sm_90a -o check_linear_sm90 \
 *         bench/check_linear_sm90.cu
 *     ./check_linear_sm90 [check | time]
 *
 * First the pieces (tensor copies, products), then the kernel with every tile against a plain
 * kernel with float32 sums, bit for bit against the other tiles and against itself; then times. The
 * first line with FAIL is the one to look at; the lines above it say where and how.
 */
#include "bench/check_hopper.cuh"

#include "kernels/linear/linear_sm90.cu"

#include "kernels/linear/linear_mma.cuh"

extern "C" alm_status alm_linear_mma_run(const alm_exec *x, const alm_op_args *a)
{
    return linear_mma_run(x, a, -1);
}

/* ---- Reference ---- */

/* x [rows, depth], weight, up [columns, depth]. One thread an element; tolerance: what a float32
 * sum in another order and approximate activations may differ by. */
static __global__ void reference_kernel(const bf16 *x, int64_t x_stride, const bf16 *weight,
                                        const bf16 *up, int depth, int rows, linear_epilogue e,
                                        const float *residual, float *value, float *tolerance)
{
    const int column = (int)(blockIdx.x * blockDim.x + threadIdx.x), row = (int)blockIdx.y;
    if (column >= e.columns || row >= rows) {
        return;
    }
    float sum = 0, sum_up = 0, size = 0, size_up = 0;
    for (int k = 0; k < depth; k++) {
        const float a = to_float(x[row * x_stride + k]);
        const float w = to_float(weight[(int64_t)column * depth + k]);
        sum = fmaf(a, w, sum);
        size += fabsf(a * w);
        if (up) {
            const float u = to_float(up[(int64_t)column * depth + k]);
            sum_up = fmaf(a, u, sum_up);
            size_up += fabsf(a * u);
        }
    }
    float b[1], u[1] = {sum_up}, v[1] = {sum};
    linear_bias<1>(e, column, b);
    const float before = sum + b[0];
    const float r[1] = {residual ? residual[(int64_t)row * e.columns + column] : 0.0f};
    linear_finish<1>(e, v, b, u, r);
    const float c = 4e-6f;
    float allowed = c * (size + fabsf(before)) * 1.2f;
    if (up) {
        allowed = allowed * fabsf(sum_up) + c * size_up * fabsf(linear_silu(sum)) + c;
    }
    allowed += 2e-6f * (fabsf(v[0]) + fabsf(r[0])) + 1e-6f;
    value[(int64_t)row * e.columns + column] = v[0];
    tolerance[(int64_t)row * e.columns + column] = allowed;
}

static __global__ void noise_kernel(bf16 *to, int64_t n, uint32_t seed, float scale)
{
    for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * blockDim.x) {
        uint64_t z = ((uint64_t)seed << 32) + (uint64_t)i + 0x9E3779B97F4A7C15ull;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        to[i] = from_float<bf16>(((float)((z >> 40) & 0xFFFF) / 32768.0f - 1.0f) * scale);
    }
}

static void fill_noise(bf16 *to, int64_t n, uint32_t seed, float scale)
{
    noise_kernel<<<512, 256>>>(to, n, seed, scale);
    must(cudaGetLastError(), "noise");
}

/* ---- One case ---- */

struct test_case {
    int64_t rows, depth, columns;
    alm_epilogue kind;
    int bias;     /* 0 none, 1 f32, 2 bf16 */
    int residual; /* 0 none, 1 its own tensor, 2 the tensor of out */
    bool out_bf16;
    int count;            /* of rows in use; -1: all */
    int x_more, out_more; /* elements between rows beyond the packed ones */
};

struct buffers {
    bf16 *x, *weight, *up;
    void *bias;
    float *residual; /* packed */
    unsigned char *out;
    int32_t *count;
    float *value, *tolerance;
    size_t out_bytes;
};

static const char *const kind_names[] = {"none", "relu", "silu", "gelu_erf", "gelu_tanh", "swiglu"};

static void describe(char *text, size_t size, const test_case &c)
{
    snprintf(text, size, "[%lld, %lld] x [%lld]%s%s%s%s %s%s%s", (long long)c.rows,
             (long long)c.depth, (long long)c.columns, c.bias ? " bias" : "",
             c.residual == 2 ? " residual in place" : (c.residual ? " residual" : ""),
             c.count >= 0 ? " count" : "", c.x_more || c.out_more ? " strides" : "",
             kind_names[c.kind], c.out_bf16 ? " bf16" : " f32", c.bias == 2 ? " (bias bf16)" : "");
}

struct call {
    alm_tensor in[5], out[1];
    alm_linear_attr attr;
    alm_op_args args;
};

static void make_call(call *k, const test_case &c, const buffers &b)
{
    const int64_t out_stride = c.columns + c.out_more;
    k->in[0] = tensor_of(b.x, ALM_DTYPE_BF16, c.rows, c.depth, c.depth + c.x_more,
                         c.count >= 0 ? b.count : nullptr);
    k->in[1] = tensor_of(b.weight, ALM_DTYPE_BF16, c.columns, c.depth, c.depth, nullptr);
    k->in[2] = tensor_of(c.bias ? b.bias : nullptr, c.bias == 2 ? ALM_DTYPE_BF16 : ALM_DTYPE_F32,
                         c.columns, 1, 1, nullptr);
    k->in[3] = c.residual == 2
                   ? tensor_of(b.out, ALM_DTYPE_F32, c.rows, c.columns, out_stride, nullptr)
                   : tensor_of(c.residual ? b.residual : nullptr, ALM_DTYPE_F32, c.rows, c.columns,
                               c.columns, nullptr);
    k->in[4] = tensor_of(c.kind == ALM_EPILOGUE_SWIGLU ? b.up : nullptr, ALM_DTYPE_BF16, c.columns,
                         c.depth, c.depth, nullptr);
    k->out[0] = tensor_of(b.out, c.out_bf16 ? ALM_DTYPE_BF16 : ALM_DTYPE_F32, c.rows, c.columns,
                          out_stride, nullptr);
    k->attr.epilogue = c.kind;
    k->args = alm_op_args{};
    k->args.in = k->in;
    k->args.n_in = 5;
    k->args.out = k->out;
    k->args.n_out = 1;
    k->args.attr = &k->attr;
}

/* Fills everything with noise; rows of x past the count and between the rows with NaN. */
static void make_buffers(buffers *b, const test_case &c)
{
    const int64_t x_stride = c.depth + c.x_more, out_stride = c.columns + c.out_more;
    const int64_t used = c.count >= 0 ? c.count : c.rows;
    b->x = (bf16 *)device_bytes((size_t)(c.rows * x_stride) * 2);
    b->weight = (bf16 *)device_bytes((size_t)(c.columns * c.depth) * 2);
    b->up = (bf16 *)device_bytes((size_t)(c.columns * c.depth) * 2);
    b->bias = device_bytes((size_t)c.columns * 4);
    b->residual = (float *)device_bytes((size_t)(c.rows * c.columns) * 4);
    b->out_bytes = (size_t)(c.rows * out_stride) * (c.out_bf16 ? 2 : 4);
    b->out = (unsigned char *)device_bytes(b->out_bytes);
    b->count = (int32_t *)device_bytes(4);
    b->value = (float *)device_bytes((size_t)(c.rows * c.columns) * 4);
    b->tolerance = (float *)device_bytes((size_t)(c.rows * c.columns) * 4);
    must(cudaMemset(b->x, 0xFF, (size_t)(c.rows * x_stride) * 2), "memset");
    bf16 *packed = (bf16 *)device_bytes((size_t)(c.rows * c.depth) * 2);
    fill_noise(packed, c.rows * c.depth, 1, 1.0f);
    must(cudaMemcpy2D(b->x, (size_t)x_stride * 2, packed, (size_t)c.depth * 2, (size_t)c.depth * 2,
                      (size_t)used, cudaMemcpyDeviceToDevice),
         "copy");
    cudaFree(packed);
    const float scale = 2.0f / sqrtf((float)c.depth);
    fill_noise(b->weight, c.columns * c.depth, 2, scale);
    fill_noise(b->up, c.columns * c.depth, 3, scale);
    const int64_t n = c.rows * c.columns;
    float *host = (float *)malloc((size_t)n * 4);
    for (int64_t i = 0; i < n; i++) {
        host[i] = (float)(noise() % 2001) / 1000.0f - 1.0f;
    }
    must(cudaMemcpy(b->residual, host, (size_t)n * 4, cudaMemcpyHostToDevice), "copy");
    uint16_t *narrow = (uint16_t *)malloc((size_t)c.columns * 2);
    for (int64_t i = 0; i < c.columns; i++) {
        narrow[i] = bf16_bits(host[i]);
    }
    must(cudaMemcpy(b->bias, c.bias == 2 ? (void *)narrow : (void *)host,
                    (size_t)c.columns * (c.bias == 2 ? 2 : 4), cudaMemcpyHostToDevice),
         "copy");
    const int32_t count = c.count;
    must(cudaMemcpy(b->count, &count, 4, cudaMemcpyHostToDevice), "copy");
    free(narrow);
    free(host);
}

static void free_buffers(buffers *b)
{
    void *all[] = {b->x,   b->weight, b->up,    b->bias,     b->residual,
                   b->out, b->count,  b->value, b->tolerance};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        cudaFree(all[i]);
    }
}

/* out becomes a pattern, or the residual where the case works in place. */
static void reset_out(const test_case &c, const buffers &b)
{
    must(cudaMemset(b.out, 0xC5, b.out_bytes), "memset");
    if (c.residual == 2) {
        must(cudaMemcpy2D(b.out, (size_t)(c.columns + c.out_more) * 4, b.residual,
                          (size_t)c.columns * 4, (size_t)c.columns * 4, (size_t)c.rows,
                          cudaMemcpyDeviceToDevice),
             "copy");
    }
}

static void print_histogram(const char *what, const int *n, int size)
{
    printf("    wrong by %s:", what);
    for (int i = 0; i < size; i++) {
        printf(" %d", n[i]);
    }
    printf("\n");
}

/* Compares with the reference; on failure says which elements and how they lie in the tile. */
static bool compare(const test_case &c, const unsigned char *out, const float *value,
                    const float *tolerance, const sm90_variant &v)
{
    const int64_t used = c.count >= 0 ? c.count : c.rows;
    int wrong = 0, nan = 0, unwritten = 0, zero = 0, touched = 0;
    int row8[8] = {}, column8[8] = {}, block8[32] = {}, warp[8] = {}, tile_row[16] = {};
    double worst = 0;
    for (int64_t r = 0; r < c.rows; r++) {
        for (int64_t m = 0; m < c.columns + c.out_more; m++) {
            const double got = element_at(out, c.out_bf16, r * (c.columns + c.out_more) + m);
            if (r >= used || m >= c.columns) {
                /* 0xC5C5...: rows past the count keep it, except in place; gaps always do */
                if (m >= c.columns || c.residual != 2) {
                    const int64_t at = (r * (c.columns + c.out_more) + m) * (c.out_bf16 ? 2 : 4);
                    touched += out[at] != 0xC5 || out[at + 1] != 0xC5;
                }
                continue;
            }
            const double want = (double)value[r * c.columns + m];
            const double allowed =
                (double)tolerance[r * c.columns + m] + (c.out_bf16 ? fabs(want) / 256 + 1e-30 : 0);
            const double error = fabs(got - want);
            if (error / allowed > worst) {
                worst = error / allowed;
            }
            if (error <= allowed) {
                continue;
            }
            if (wrong++ < 6) {
                printf("    (%lld, %lld) is %g, expected %g +- %g\n", (long long)r, (long long)m,
                       got, want, allowed);
            }
            const int64_t in_tile = r % v.rows;
            nan += got != got;
            zero += got == 0;
            const int64_t at = (r * (c.columns + c.out_more) + m) * (c.out_bf16 ? 2 : 4);
            unwritten += out[at] == 0xC5 && out[at + 1] == 0xC5;
            row8[in_tile % 8]++;
            column8[m % 8]++;
            block8[in_tile / 8]++;
            warp[m % 128 / 16]++;
            tile_row[r / v.rows < 15 ? r / v.rows : 15]++;
        }
    }
    if (wrong || touched) {
        printf("    %d wrong (%d NaN, %d zero, %d never written), %d written outside\n", wrong, nan,
               zero, unwritten, touched);
        print_histogram("row in tile % 8", row8, 8);
        print_histogram("row in tile / 8", block8, v.rows / 8);
        print_histogram("column % 8", column8, 8);
        print_histogram("warp (column % 128 / 16)", warp, 8);
        print_histogram("tile of rows", tile_row, 16);
    }
    return wrong == 0 && touched == 0 && worst == worst;
}

/* All variants that fit the case; all must give the same bits, twice. */
static void run_case(const test_case &c, const alm_exec &x)
{
    char text[160];
    describe(text, sizeof text, c);
    buffers b;
    make_buffers(&b, c);
    call k;
    make_call(&k, c, b);
    const int64_t used = c.count >= 0 ? c.count : c.rows;
    if (used > 0) {
        const dim3 grid((unsigned)((c.columns + 127) / 128), (unsigned)used);
        reference_kernel<<<grid, 128>>>(b.x, c.depth + c.x_more, b.weight,
                                        c.kind == ALM_EPILOGUE_SWIGLU ? b.up : nullptr,
                                        (int)c.depth, (int)used, linear_epilogue_of(&k.args),
                                        c.residual ? b.residual : nullptr, b.value, b.tolerance);
        finished("reference");
    }
    const size_t n = (size_t)(c.rows * c.columns);
    float *value = (float *)malloc(n * 4), *tolerance = (float *)malloc(n * 4);
    unsigned char *first = (unsigned char *)malloc(b.out_bytes);
    unsigned char *out = (unsigned char *)malloc(b.out_bytes);
    must(cudaMemcpy(value, b.value, n * 4, cudaMemcpyDeviceToHost), "copy");
    must(cudaMemcpy(tolerance, b.tolerance, n * 4, cudaMemcpyDeviceToHost), "copy");
    if (!alm_linear_sm90_accepts(&k.args)) {
        verdict(false, "%s: not accepted", text);
    }
    bool have_first = false;
    for (int i = 0; i < VARIANTS; i++) {
        const sm90_variant &v = variants[i];
        if (v.gated != (c.kind == ALM_EPILOGUE_SWIGLU)) {
            continue;
        }
        char name[224];
        snprintf(name, sizeof name, "%s, tile %d%s%s", text, v.rows, v.gated ? " gated" : "",
                 v.blocks == 1 ? " alone" : "");
        bool good = true;
        for (int again = 0; again < 3 && good; again++) {
            reset_out(c, b);
            good = v.launch(&x, &k.args) == ALM_OK;
            good = finished(name) && good;
            must(cudaMemcpy(out, b.out, b.out_bytes, cudaMemcpyDeviceToHost), "copy");
            if (again == 0) {
                good = compare(c, out, value, tolerance, v) && good;
            }
            if (good && !have_first) {
                memcpy(first, out, b.out_bytes);
                have_first = true;
            }
            if (good && memcmp(first, out, b.out_bytes) != 0) {
                printf("    the bits differ from those of %s\n",
                       again ? "the run before" : "the first tile");
                good = false;
            }
        }
        verdict(good, "%s", name);
    }
    free(value);
    free(tolerance);
    free(first);
    free(out);
    free_buffers(&b);
}

/* ---- Times ---- */

struct timed_case {
    const char *name;
    int64_t rows, depth, columns;
    alm_epilogue kind;
    bool bias, residual, out_bf16;
};

/* Over buffers that do not fit the L2 cache together. */
static void time_case(const timed_case &t, alm_exec x)
{
    const test_case c = {t.rows,     t.depth, t.columns, t.kind, t.bias ? 2 : 0, t.residual ? 1 : 0,
                         t.out_bf16, -1,      0,         0};
    enum { MOST = 8 };
    const double weight_bytes =
        2.0 * (double)(t.depth * t.columns) * (t.kind == ALM_EPILOGUE_SWIGLU ? 2 : 1);
    int n = (int)(120e6 / (weight_bytes + 2.0 * (double)(t.rows * t.depth))) + 1;
    n = n > MOST ? MOST : n;
    buffers b[MOST];
    call k[MOST];
    const alm_op_args *args[MOST];
    for (int i = 0; i < n; i++) {
        make_buffers(&b[i], c);
        make_call(&k[i], c, b[i]);
        args[i] = &k[i].args;
    }
    const int launches = 4 * n < 12 ? 12 : 4 * n;
    const double flop = 2.0 * (double)t.rows * (double)t.depth * (double)t.columns *
                        (t.kind == ALM_EPILOGUE_SWIGLU ? 2 : 1);
    const int processors_here = processors(&x);
    printf("%s [%lld, %lld] x [%lld]\n", t.name, (long long)t.rows, (long long)t.depth,
           (long long)t.columns);
    const sm90_variant *chosen = choose(&k[0].args, processors_here);
    for (int i = 0; i < VARIANTS; i++) {
        const sm90_variant &v = variants[i];
        if (v.gated != (t.kind == ALM_EPILOGUE_SWIGLU)) {
            continue;
        }
        x.overlap = false;
        const float apart = time_of(v.launch, x, args, n, launches);
        x.overlap = true;
        const float us = time_of(v.launch, x, args, n, launches);
        printf("  tile %3d%s%s %8.2f us %6.0f TFLOP/s, not overlapped %8.2f us, expected %6.0f "
               "clocks%s\n",
               v.rows, v.gated ? " gated" : "", v.blocks == 1 ? " alone" : "      ", us,
               flop / us * 1e-6, apart,
               expected_clocks(&v, t.rows, t.columns, t.depth, processors_here),
               chosen == &v ? "  <- chosen" : "");
    }
    x.overlap = true;
    const float us = time_of(alm_linear_mma_run, x, args, n, launches);
    printf("  mma.sync       %8.2f us %6.0f TFLOP/s\n", us, flop / us * 1e-6);
    fflush(stdout);
    for (int i = 0; i < n; i++) {
        free_buffers(&b[i]);
    }
}

/* ---- All ---- */

static const test_case cases[] = {
    {128, 64, 128, ALM_EPILOGUE_NONE, 0, 0, false, -1, 0, 0},
    {128, 128, 128, ALM_EPILOGUE_NONE, 0, 0, false, -1, 0, 0},
    {256, 512, 256, ALM_EPILOGUE_NONE, 0, 0, false, -1, 0, 0},
    {256, 512, 256, ALM_EPILOGUE_NONE, 0, 0, true, -1, 0, 0},
    {300, 1024, 512, ALM_EPILOGUE_NONE, 1, 1, false, -1, 0, 0},
    {17, 8, 8, ALM_EPILOGUE_NONE, 0, 0, false, -1, 0, 0},
    {33, 40, 72, ALM_EPILOGUE_RELU, 1, 0, false, -1, 24, 4},
    {151, 72, 136, ALM_EPILOGUE_GELU_ERF, 2, 1, false, -1, 8, 3},
    {153, 200, 264, ALM_EPILOGUE_GELU_TANH, 2, 0, true, -1, 8, 8},
    {241, 1000, 1032, ALM_EPILOGUE_SILU, 1, 2, false, -1, 0, 12},
    {500, 256, 392, ALM_EPILOGUE_NONE, 2, 2, false, 333, 64, 0},
    {500, 256, 392, ALM_EPILOGUE_GELU_TANH, 2, 0, true, 1, 64, 1},
    {500, 256, 392, ALM_EPILOGUE_NONE, 0, 0, false, 0, 0, 0},
    {1184, 2048, 2048, ALM_EPILOGUE_NONE, 0, 1, false, 1182, 0, 0},
    {1184, 6144, 2048, ALM_EPILOGUE_NONE, 0, 2, false, -1, 0, 0},
    {2592, 1024, 3072, ALM_EPILOGUE_NONE, 2, 0, true, -1, 0, 0},
    {2592, 1024, 4096, ALM_EPILOGUE_GELU_TANH, 2, 0, true, -1, 0, 0},
    {128, 64, 128, ALM_EPILOGUE_SWIGLU, 0, 0, false, -1, 0, 0},
    {113, 136, 200, ALM_EPILOGUE_SWIGLU, 0, 1, false, -1, 8, 4},
    {400, 512, 640, ALM_EPILOGUE_SWIGLU, 0, 0, true, 257, 0, 0},
    {1184, 2048, 6144, ALM_EPILOGUE_SWIGLU, 0, 0, true, 1182, 0, 0},
};

static const timed_case timed[] = {
    {"text gate/up", 1184, 2048, 6144, ALM_EPILOGUE_SWIGLU, false, false, true},
    {"text down", 1184, 6144, 2048, ALM_EPILOGUE_NONE, false, true, false},
    {"text q, o", 1184, 2048, 2048, ALM_EPILOGUE_NONE, false, true, false},
    {"text k, v", 1184, 2048, 1024, ALM_EPILOGUE_NONE, false, false, false},
    {"vision qkv", 2592, 1024, 3072, ALM_EPILOGUE_NONE, true, false, true},
    {"vision proj", 2592, 1024, 1024, ALM_EPILOGUE_NONE, true, true, false},
    {"vision fc1", 2592, 1024, 4096, ALM_EPILOGUE_GELU_TANH, true, false, true},
    {"vision fc2", 2592, 4096, 1024, ALM_EPILOGUE_NONE, true, true, false},
    {"merger fc1", 648, 4096, 4096, ALM_EPILOGUE_GELU_ERF, true, false, true},
    {"warm gate/up", 524, 2048, 6144, ALM_EPILOGUE_SWIGLU, false, false, true},
    {"warm down", 524, 6144, 2048, ALM_EPILOGUE_NONE, false, true, false},
    {"warm q, o", 524, 2048, 2048, ALM_EPILOGUE_NONE, false, true, false},
    {"large", 8192, 4096, 4096, ALM_EPILOGUE_NONE, false, false, true},
};

static void check_all(alm_exec x)
{
    test_boxes();
    test_product<64>();
    test_product<72>();
    test_product<88>();
    test_product<112>();
    test_product<128>();
    test_product<152>();
    test_product<168>();
    test_product<216>();
    test_product<240>();
    test_product<256>();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        x.overlap = i % 2 == 1;
        run_case(cases[i], x);
    }
}

static void time_all(alm_exec x)
{
    for (size_t i = 0; i < sizeof timed / sizeof timed[0]; i++) {
        time_case(timed[i], x);
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv, check_all, time_all);
}
