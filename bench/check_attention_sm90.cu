/* Checks and times the Hopper kernel of attention on a device; for its developers.
 *
 *     nvcc -std=c++20 -O3 -I. -DALM_HAS_SM90 -gencode=arch=compute_90a,code=sm_90a \
 *         -o check_attention_sm90 bench/check_attention_sm90.cu
 *     ./check_attention_sm90 [check | time]
 *
 * First the pieces, then the kernel with one and with two warpgroups a block against a plain kernel
 * in float32, bit for bit against each other, against itself and against runs with fewer queries;
 * then times beside the mma.sync kernel. The first line with FAIL is the one to look at.
 */
#include "bench/check_hopper.cuh"

#include "kernels/attention/attention_cuda.cu"

#include "kernels/attention/attention_sm90.cu"

/* ---- Reference ---- */

static __device__ bool sees(const int *rule, int key, int kind)
{
    const bool points = rule[2] != ALM_ROW_PLAIN && kind != ALM_ROW_PLAIN;
    return ((rule[0] <= key && key < rule[1]) || points) &&
           !(rule[2] == ALM_ROW_INVARIANT && kind == ALM_ROW_EQUIVARIANT);
}

/* One block of 128 threads a query and head; value, size: [queries, heads·D]: the result, and the
 * same with |v|. */
static __global__ void reference_kernel(attention_args a, float *value, float *size)
{
    extern __shared__ __align__(1024) unsigned char alm_dynamic_shared[];
    float *weight = (float *)alm_dynamic_shared;
    const int query = (int)blockIdx.x, head = (int)blockIdx.y, keys = a.keys.get();
    const int d = a.head_dim, t = (int)threadIdx.x;
    const int32_t *from = a.query_rule + query * a.query_rule_stride;
    const int rule[3] = {from[0], from[1], from[2]};
    const bf16 *q = (const bf16 *)a.q + query * a.q_stride + head * d;
    float largest = -INFINITY;
    for (int j = t; j < keys; j += 128) {
        float s = -INFINITY;
        if (sees(rule, j, a.key_rule[j * a.key_rule_stride + 2])) {
            const bf16 *k = (const bf16 *)a.k + j * a.k_stride + head / a.group * d;
            s = 0;
            for (int c = 0; c < d; c++) {
                s = fmaf(to_float(q[c]), to_float(k[c]), s);
            }
        }
        weight[j] = s;
        largest = fmaxf(largest, s);
    }
    SHARED(float, parts, [4]);
    largest = warp_max(largest);
    if (t % 32 == 0) {
        parts[t / 32] = largest;
    }
    __syncthreads();
    largest = fmaxf(fmaxf(parts[0], parts[1]), fmaxf(parts[2], parts[3]));
    float sum = 0;
    for (int j = t; j < keys; j += 128) {
        const float p = weight[j] == -INFINITY ? 0 : expf(a.scale * (weight[j] - largest));
        weight[j] = p;
        sum += p;
    }
    __syncthreads();
    sum = block_sum<128>(sum);
    for (int c = t; c < d; c += 128) {
        float o = 0, m = 0;
        for (int j = 0; j < keys; j++) {
            if (weight[j] > 0) {
                const float v =
                    to_float(((const bf16 *)a.v)[j * a.v_stride + head / a.group * d + c]);
                o = fmaf(weight[j], v, o);
                m = fmaf(weight[j], fabsf(v), m);
            }
        }
        const int64_t at = ((int64_t)query * a.heads + head) * d + c;
        value[at] = sum > 0 ? o / sum : 0;
        size[at] = sum > 0 ? m / sum : 0;
    }
}

/* ---- Cases ---- */

enum mask_kind {
    MASK_ALL,      /* every key */
    MASK_SEGMENTS, /* two halves */
    MASK_CAUSAL,   /* keys 0 ... i */
    MASK_TEXT,     /* causal, with points of both kinds in the middle, as the language model */
    MASK_FAR,      /* queries of one tile see keys far from each other; some see none */
    MASK_WARM      /* causal, the queries are the last ones */
};

struct test_case {
    int queries, keys, d, heads, kv_heads;
    mask_kind mask;
    bool out_bf16;
    int query_count, key_count; /* -1: all */
    int stride_more;            /* as in a fused qkv */
};

static const char *const mask_names[] = {"all", "segments", "causal", "text", "far", "warm"};

struct buffers {
    bf16 *q, *k, *v;
    int32_t *query_rule, *key_rule, *counts;
    unsigned char *out;
    float *value, *size;
    size_t out_bytes;
};

struct call {
    alm_tensor in[5], out[1];
    alm_attention_attr attr;
    alm_op_args args;
};

static bf16 *make_operand(int rows, int used, int columns, int stride)
{
    const size_t n = (size_t)rows * (size_t)stride;
    uint16_t *host = (uint16_t *)malloc(n * 2 + 2);
    memset(host, 0xFF, n * 2); /* NaN between the rows and past the count */
    for (int r = 0; r < used; r++) {
        for (int c = 0; c < columns; c++) {
            host[(size_t)r * (size_t)stride + (size_t)c] =
                bf16_bits((float)(noise() % 4001) / 1000.0f - 2.0f);
        }
    }
    bf16 *data = (bf16 *)device_bytes(n * 2);
    must(cudaMemcpy(data, host, n * 2, cudaMemcpyHostToDevice), "copy");
    free(host);
    return data;
}

static void rule_of(const test_case &c, int used_queries, int used_keys, int i, int *rule)
{
    const int shift = c.mask == MASK_WARM ? used_keys - used_queries : 0;
    rule[0] = 0;
    rule[1] = i + shift + 1;
    rule[2] = ALM_ROW_PLAIN;
    if (c.mask == MASK_ALL) {
        rule[1] = used_keys + 100;
    } else if (c.mask == MASK_SEGMENTS) {
        const int half = used_keys / 2;
        rule[0] = i < used_queries / 2 ? 0 : half;
        rule[1] = i < used_queries / 2 ? half : used_keys;
    } else if (c.mask == MASK_FAR) {
        rule[0] = i / 64 % 2 ? used_keys - 70 : i % 64;
        rule[1] = i % 5 == 0 ? rule[0] : rule[0] + 70;
    } else if (c.mask == MASK_TEXT || c.mask == MASK_WARM) {
        const int at = i + shift;
        const int from = used_keys / 2;
        if (at >= from && at < from + 200) {
            rule[2] = (at - from) / 20 % 2 ? ALM_ROW_INVARIANT : ALM_ROW_EQUIVARIANT;
        }
    }
}

static void make_buffers(buffers *b, call *k, const test_case &c)
{
    const int queries = c.query_count >= 0 ? c.query_count : c.queries;
    const int keys = c.key_count >= 0 ? c.key_count : c.keys;
    const int wide = c.heads * c.d, narrow = c.kv_heads * c.d;
    b->q = make_operand(c.queries, queries, wide, wide + c.stride_more);
    b->k = make_operand(c.keys, keys, narrow, narrow + c.stride_more);
    b->v = make_operand(c.keys, keys, narrow, narrow + c.stride_more);
    const int most = c.queries > c.keys ? c.queries : c.keys;
    int32_t *rule = (int32_t *)calloc((size_t)most * 3, 4);
    for (int i = 0; i < queries; i++) {
        rule_of(c, queries, keys, i, rule + 3 * i);
    }
    b->query_rule = (int32_t *)device_bytes((size_t)c.queries * 12);
    must(cudaMemcpy(b->query_rule, rule, (size_t)c.queries * 12, cudaMemcpyHostToDevice), "copy");
    for (int i = 0; i < keys; i++) {
        rule_of(c, c.mask == MASK_WARM ? keys : queries, keys, i, rule + 3 * i);
    }
    b->key_rule = (int32_t *)device_bytes((size_t)c.keys * 12);
    must(cudaMemcpy(b->key_rule, rule, (size_t)c.keys * 12, cudaMemcpyHostToDevice), "copy");
    free(rule);
    const int32_t counts[2] = {queries, keys};
    b->counts = (int32_t *)device_bytes(8);
    must(cudaMemcpy(b->counts, counts, 8, cudaMemcpyHostToDevice), "copy");
    const size_t n = (size_t)c.queries * (size_t)wide;
    b->out_bytes = n * (c.out_bf16 ? 2 : 4);
    b->out = (unsigned char *)device_bytes(b->out_bytes);
    b->value = (float *)device_bytes(n * 4);
    b->size = (float *)device_bytes(n * 4);
    const int32_t *const qc = c.query_count >= 0 ? b->counts : nullptr;
    const int32_t *const kc = c.key_count >= 0 ? b->counts + 1 : nullptr;
    k->in[0] = tensor_of(b->q, ALM_DTYPE_BF16, c.queries, wide, wide + c.stride_more, qc);
    k->in[1] = tensor_of(b->k, ALM_DTYPE_BF16, c.keys, narrow, narrow + c.stride_more, kc);
    k->in[2] = tensor_of(b->v, ALM_DTYPE_BF16, c.keys, narrow, narrow + c.stride_more, kc);
    k->in[3] = tensor_of(b->query_rule, ALM_DTYPE_I32, c.queries, 3, 3, qc);
    k->in[4] = tensor_of(b->key_rule, ALM_DTYPE_I32, c.keys, 3, 3, kc);
    k->out[0] =
        tensor_of(b->out, c.out_bf16 ? ALM_DTYPE_BF16 : ALM_DTYPE_F32, c.queries, wide, wide, qc);
    k->attr = alm_attention_attr{c.heads, c.kv_heads, c.d, 1.0f / sqrtf((float)c.d)};
    k->args = alm_op_args{};
    k->args.in = k->in;
    k->args.n_in = 5;
    k->args.out = k->out;
    k->args.n_out = 1;
    k->args.attr = &k->attr;
}

static void free_buffers(buffers *b)
{
    void *all[] = {b->q,      b->k,   b->v,     b->query_rule, b->key_rule,
                   b->counts, b->out, b->value, b->size};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        cudaFree(all[i]);
    }
}

/* On failure: which elements, and how they lie in the tile. */
static bool compare(const test_case &c, const unsigned char *out, const float *value,
                    const float *size)
{
    const int queries = c.query_count >= 0 ? c.query_count : c.queries;
    const size_t width = (size_t)c.heads * (size_t)c.d;
    int wrong = 0, nan = 0, unwritten = 0, touched = 0, row16[8] = {}, channel8[16] = {},
        head[16] = {}, tile[16] = {};
    for (int r = 0; r < c.queries; r++) {
        for (size_t m = 0; m < width; m++) {
            const size_t at = (size_t)r * width + m, byte = at * (c.out_bf16 ? 2 : 4);
            const bool as_before = out[byte] == 0xC5 && out[byte + 1] == 0xC5;
            if (r >= queries) {
                touched += !as_before;
                continue;
            }
            const double got = element_at(out, c.out_bf16, (int64_t)at), want = (double)value[at];
            const double allowed =
                (double)size[at] / 180 + 1e-6 + (c.out_bf16 ? fabs(want) / 256 : 0);
            if (fabs(got - want) <= allowed) {
                continue;
            }
            if (wrong++ < 6) {
                printf("    query %d head %d channel %d is %g, expected %g +- %g\n", r,
                       (int)m / c.d, (int)m % c.d, got, want, allowed);
            }
            nan += got != got;
            unwritten += as_before;
            row16[r % 128 / 16]++;
            channel8[(int)m % c.d / 8]++;
            head[(int)m / c.d % 16]++;
            tile[r / 64 < 15 ? r / 64 : 15]++;
        }
    }
    if (wrong || touched) {
        printf("    %d wrong (%d NaN, %d never written), %d written past the count\n", wrong, nan,
               unwritten, touched);
        const struct {
            const char *what;
            const int *n;
            int count;
        } all[] = {{"query % 128 / 16", row16, 8},
                   {"channel / 8", channel8, 16},
                   {"head", head, 16},
                   {"query / 64", tile, 16}};
        for (int i = 0; i < 4; i++) {
            printf("    wrong by %s:", all[i].what);
            for (int j = 0; j < all[i].count; j++) {
                printf(" %d", all[i].n[j]);
            }
            printf("\n");
        }
    }
    return wrong == 0 && touched == 0;
}

static void run_case(const test_case &c, const alm_exec &x)
{
    char text[160];
    snprintf(text, sizeof text, "%d queries, %d keys, %d/%d heads of %d, %s%s%s%s", c.queries,
             c.keys, c.heads, c.kv_heads, c.d, mask_names[c.mask],
             c.query_count >= 0 || c.key_count >= 0 ? ", counts" : "",
             c.stride_more ? ", strides" : "", c.out_bf16 ? ", bf16" : ", f32");
    buffers b;
    call k;
    make_buffers(&b, &k, c);
    const int queries = c.query_count >= 0 ? c.query_count : c.queries;
    const size_t n = (size_t)c.queries * (size_t)(c.heads * c.d);
    if (queries > 0) {
        reference_kernel<<<dim3((unsigned)queries, (unsigned)c.heads), 128,
                           (size_t)c.keys * 4 + 16>>>(attention_args_of(&k.args), b.value, b.size);
        finished("reference");
    }
    float *value = (float *)malloc(n * 4), *size = (float *)malloc(n * 4);
    unsigned char *first = (unsigned char *)malloc(b.out_bytes);
    unsigned char *out = (unsigned char *)malloc(b.out_bytes);
    must(cudaMemcpy(value, b.value, n * 4, cudaMemcpyDeviceToHost), "copy");
    must(cudaMemcpy(size, b.size, n * 4, cudaMemcpyDeviceToHost), "copy");
    static const run_function of64[2] = {launch<64, 2>, launch<64, 1>};
    static const run_function of128[2] = {launch<128, 1>, launch<128, 2>};
    bool have_first = alm_attention_sm90_accepts(&k.args);
    verdict(have_first, "%s: accepted", text);
    have_first = false;
    for (int i = 0; i < 2; i++) {
        bool good = true;
        for (int again = 0; again < 3 && good; again++) {
            must(cudaMemset(b.out, 0xC5, b.out_bytes), "memset");
            good = (c.d == 64 ? of64 : of128)[i](&x, &k.args) == ALM_OK;
            good = finished(text) && good;
            must(cudaMemcpy(out, b.out, b.out_bytes, cudaMemcpyDeviceToHost), "copy");
            good = (again || compare(c, out, value, size)) && good;
            if (good && !have_first) {
                memcpy(first, out, b.out_bytes);
                have_first = true;
            }
            if (good && memcmp(first, out, b.out_bytes) != 0) {
                printf("    the bits differ from those of %s\n",
                       again ? "the run before" : "the other tile");
                good = false;
            }
        }
        if (good && c.query_count < 0 && c.queries > 50) { /* fewer queries, the same bits */
            const size_t some = b.out_bytes / (size_t)c.queries * 50;
            k.in[0].desc.dim[0] = k.in[3].desc.dim[0] = k.out[0].desc.dim[0] = 50;
            must(cudaMemset(b.out, 0xC5, b.out_bytes), "memset");
            good = (c.d == 64 ? of64 : of128)[i](&x, &k.args) == ALM_OK;
            good = finished(text) && good;
            must(cudaMemcpy(out, b.out, b.out_bytes, cudaMemcpyDeviceToHost), "copy");
            if (memcmp(first, out, some) != 0) {
                printf("    the bits change with the number of queries\n");
                good = false;
            }
            k.in[0].desc.dim[0] = k.in[3].desc.dim[0] = k.out[0].desc.dim[0] = c.queries;
        }
        verdict(good, "%s, %d queries a block", text, (c.d == 64) == (i == 0) ? 128 : 64);
    }
    free(value);
    free(size);
    free(first);
    free(out);
    free_buffers(&b);
}

/* ---- Times ---- */

/* pairs: millions of (query, key) pairs that are seen, a head. */
static void time_case(const char *name, const test_case &c, double pairs, alm_exec x)
{
    buffers b;
    call k;
    make_buffers(&b, &k, c);
    const double flop = 4e6 * pairs * c.heads * c.d;
    x.overlap = true;
    const struct {
        const char *name;
        run_function run;
    } all[] = {{"sm90, 128 queries a block", c.d == 64 ? launch<64, 2> : launch<128, 2>},
               {"sm90,  64 queries a block", c.d == 64 ? launch<64, 1> : launch<128, 1>},
               {"mma.sync                 ", run_bf16}};
    const alm_op_args *const args = &k.args;
    for (int i = 0; i < 3; i++) {
        const float us = time_of(all[i].run, x, &args, 1, 20);
        printf("%-14s %s %8.2f us %5.0f TFLOP/s\n", name, all[i].name, us, flop / us * 1e-6);
    }
    fflush(stdout);
    free_buffers(&b);
}

static const test_case cases[] = {
    {64, 64, 64, 1, 1, MASK_ALL, false, -1, -1, 0},
    {128, 128, 64, 1, 1, MASK_ALL, false, -1, -1, 0},
    {64, 64, 128, 1, 1, MASK_ALL, false, -1, -1, 0},
    {128, 256, 128, 2, 1, MASK_ALL, false, -1, -1, 0},
    {300, 1000, 64, 2, 2, MASK_ALL, true, -1, -1, 0},
    {65, 63, 64, 3, 1, MASK_CAUSAL, false, -1, -1, 8},
    {333, 333, 64, 4, 2, MASK_CAUSAL, false, -1, -1, 0},
    {333, 333, 128, 4, 2, MASK_CAUSAL, true, -1, -1, 64},
    {512, 2000, 64, 2, 1, MASK_FAR, false, -1, -1, 0},
    {512, 2000, 128, 2, 1, MASK_FAR, false, -1, -1, 0},
    {700, 700, 64, 2, 1, MASK_TEXT, false, -1, -1, 0},
    {700, 700, 128, 2, 1, MASK_TEXT, false, -1, -1, 0},
    {400, 400, 64, 2, 2, MASK_CAUSAL, false, 217, 217, 0},
    {400, 400, 128, 2, 2, MASK_TEXT, true, 350, 350, 0},
    {200, 200, 128, 1, 1, MASK_ALL, false, 0, 200, 0},
    {200, 200, 128, 1, 1, MASK_ALL, false, 200, 0, 0},
    {2592, 2592, 64, 16, 16, MASK_SEGMENTS, true, -1, -1, 2048},
    {1184, 1184, 128, 16, 8, MASK_TEXT, true, 1182, 1182, 0},
    {524, 1184, 128, 16, 8, MASK_WARM, true, 524, 1182, 0},
};

static void check_all(alm_exec x)
{
    test_boxes();
    test_product<64>();
    test_product_rows<64>();
    test_product_rows<128>();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        x.overlap = i % 2 == 1;
        run_case(cases[i], x);
    }
}

static void time_all(alm_exec x)
{
    const test_case vision = {2592, 2592, 64, 16, 16, MASK_SEGMENTS, true, -1, -1, 2048};
    const test_case text = {1184, 1184, 128, 16, 8, MASK_TEXT, true, 1182, 1182, 0};
    const test_case warm = {524, 1184, 128, 16, 8, MASK_WARM, true, 524, 1182, 0};
    const test_case large = {8192, 8192, 128, 16, 8, MASK_ALL, true, -1, -1, 0};
    time_case("vision", vision, 2 * 1.296 * 1.296, x);
    time_case("text", text, 0.714, x);
    time_case("text warm", warm, 0.490, x);
    time_case("8192 x 8192", large, 8.192 * 8.192, x);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv, check_all, time_all);
}
