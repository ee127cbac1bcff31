/* linear by cuBLASLt, for comparison with our own kernels: a bench or ASSEMLM_KERNEL takes it,
 * nothing else. Row-major [N, M] = x·weightᵀ is to the library a column-major [M, N] = weight·x.
 *
 * Bias, RELU, tanh-GELU and a float32 residual are fused where the library can; all else (SILU,
 * erf-GELU, SWIGLU, a bias of another type than the result, BF16 results with a residual) is a
 * second kernel over float32 products. It owns the handle and one prepared product a shape; with
 * alm_exec.tune the first run of a shape times the candidates of the heuristics and keeps the best.
 * A row's bits may depend on the number of rows.
 */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/linear/linear_cuda.h"

#if !defined(ALM_CUDA_SHIM) && __has_include(<cublasLt.h>)

#include <cublasLt.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/libraries.h"
#include "kernels/linear/linear_epilogue.cuh"

#define FUNCTIONS(F)                                                                               \
    F(cublasLtCreate)                                                                              \
    F(cublasLtDestroy)                                                                             \
    F(cublasLtMatmul)                                                                              \
    F(cublasLtMatmulAlgoGetHeuristic)                                                              \
    F(cublasLtMatmulDescCreate)                                                                    \
    F(cublasLtMatmulDescDestroy)                                                                   \
    F(cublasLtMatmulDescSetAttribute)                                                              \
    F(cublasLtMatmulPreferenceCreate)                                                              \
    F(cublasLtMatmulPreferenceDestroy)                                                             \
    F(cublasLtMatmulPreferenceSetAttribute)                                                        \
    F(cublasLtMatrixLayoutCreate)                                                                  \
    F(cublasLtMatrixLayoutDestroy)

enum { SHAPES = 96, CANDIDATES = 16, ALIGNMENT = 16, TIMED = 5 };
static const size_t SCRATCH = 32u << 20;

/* One product; zero padding between the fields is part of the key. */
struct product_key {
    int64_t rows, columns, depth, x_stride, c_stride, d_stride;
    int64_t is_bf16, epilogue, adds;
};

struct prepared {
    product_key key;
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t w, x, c, d;
    cublasLtMatmulAlgo_t algorithm;
    bool is_tuned;
};

struct cublaslt {
    cublasLtHandle_t handle;
#define FIELD(name) decltype(&::name) name##_;
    FUNCTIONS(FIELD)
#undef FIELD
    int n_prepared;
    prepared shapes[SHAPES];
};

/* Pointers of one product. c: NULL when nothing is added. */
struct product_data {
    const void *x, *w, *bias, *c;
    void *d, *scratch;
};

static alm_status failed(const char *what, cublasStatus_t status)
{
    const alm_status code = status == CUBLAS_STATUS_ALLOC_FAILED       ? ALM_STATUS_MEMORY
                            : status == CUBLAS_STATUS_EXECUTION_FAILED ? ALM_STATUS_RESTART
                                                                       : ALM_STATUS_DEVICE;
    return alm_fail(code, "linear_bf16_cublaslt: %s: status %d", what, (int)status);
}

static void release(cublaslt *l, prepared *p)
{
    for (cublasLtMatrixLayout_t layout : {p->w, p->x, p->c, p->d}) {
        if (layout) {
            (void)l->cublasLtMatrixLayoutDestroy_(layout);
        }
    }
    if (p->product) {
        (void)l->cublasLtMatmulDescDestroy_(p->product);
    }
    *p = prepared{};
}

static void close_library(void *state)
{
    cublaslt *l = (cublaslt *)state;
    for (int i = 0; i < l->n_prepared; i++) {
        release(l, &l->shapes[i]);
    }
    if (l->handle) {
        (void)l->cublasLtDestroy_(l->handle);
    }
    free(l);
}

static alm_status open_functions(cublaslt *l)
{
    const char *name;
    void *library = alm_library_open(ALM_LIBRARY_CUBLASLT, &name);
    if (!library) {
        return alm_fail(ALM_STATUS_DEVICE, "linear_bf16_cublaslt: no libcublasLt.so.13 or .12");
    }
#define FIND(name)                                                                                 \
    ALM_TRY(alm_library_function(library, "linear_bf16_cublaslt: the library", #name, &l->name##_));
    FUNCTIONS(FIND)
#undef FIND
    const cublasStatus_t status = l->cublasLtCreate_(&l->handle);
    return status == CUBLAS_STATUS_SUCCESS ? ALM_OK : failed("cublasLtCreate", status);
}

/* Opened once a timeline; the memory is asked for by malloc because runs are under the guard. */
static alm_status open_library(const alm_exec *x, cublaslt **out)
{
    alm_libraries *libraries = (alm_libraries *)x->libraries;
    if (!libraries) {
        return alm_fail(ALM_STATUS_DEVICE, "linear_bf16_cublaslt: the device has no libraries");
    }
    auto *slot = &libraries->slot[ALM_LIBRARY_CUBLASLT];
    if (!slot->state) {
        cublaslt *l = (cublaslt *)calloc(1, sizeof *l);
        if (!l) {
            return alm_fail(ALM_STATUS_MEMORY, "out of memory: %zu bytes for cuBLASLt", sizeof *l);
        }
        const alm_status status = open_functions(l);
        if (status != ALM_OK) {
            close_library(l);
            return status;
        }
        slot->state = l;
        slot->close = close_library;
    }
    *out = (cublaslt *)slot->state;
    return ALM_OK;
}

/* ---- One product ---- */

static cublasStatus_t multiply(const cublaslt *l, const prepared *p,
                               const cublasLtMatmulAlgo_t *algorithm, const product_data *data,
                               void *stream)
{
    const float one = 1, beta = data->c ? 1.0f : 0.0f;
    return l->cublasLtMatmul_(l->handle, p->product, &one, data->w, p->w, data->x, p->x, &beta,
                              data->c ? data->c : data->d, p->c, data->d, p->d, algorithm,
                              data->scratch, SCRATCH, (cudaStream_t)stream);
}

/* Milliseconds of TIMED products, or less than 0 where the candidate does not run. */
static float time_of(const cublaslt *l, const prepared *p, const cublasLtMatmulAlgo_t *algorithm,
                     const product_data *data, void *stream)
{
    cudaEvent_t begin, end;
    float ms = -1;
    if (cudaEventCreate(&begin) != cudaSuccess) {
        return ms;
    }
    if (cudaEventCreate(&end) == cudaSuccess) {
        bool ok = multiply(l, p, algorithm, data, stream) == CUBLAS_STATUS_SUCCESS &&
                  cudaEventRecord(begin, (cudaStream_t)stream) == cudaSuccess;
        for (int i = 0; ok && i < TIMED; i++) {
            ok = multiply(l, p, algorithm, data, stream) == CUBLAS_STATUS_SUCCESS;
        }
        ok = ok && cudaEventRecord(end, (cudaStream_t)stream) == cudaSuccess &&
             cudaEventSynchronize(end) == cudaSuccess;
        if (!ok || cudaEventElapsedTime(&ms, begin, end) != cudaSuccess) {
            ms = -1;
        }
        (void)cudaEventDestroy(end);
    }
    (void)cudaEventDestroy(begin);
    return ms;
}

static cublasStatus_t describe(const cublaslt *l, prepared *p)
{
    const product_key *k = &p->key;
    const cudaDataType_t type = k->is_bf16 ? CUDA_R_16BF : CUDA_R_32F;
    const cublasOperation_t transposed = CUBLAS_OP_T;
    const cublasLtEpilogue_t epilogue = (cublasLtEpilogue_t)k->epilogue;
    const uint64_t m = (uint64_t)k->columns, n = (uint64_t)k->rows, depth = (uint64_t)k->depth;
    cublasStatus_t s = l->cublasLtMatmulDescCreate_(&p->product, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    s = s ? s
          : l->cublasLtMatmulDescSetAttribute_(p->product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                               sizeof transposed);
    s = s ? s
          : l->cublasLtMatmulDescSetAttribute_(p->product, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                               sizeof epilogue);
    s = s ? s : l->cublasLtMatrixLayoutCreate_(&p->w, CUDA_R_16BF, depth, m, k->depth);
    s = s ? s : l->cublasLtMatrixLayoutCreate_(&p->x, CUDA_R_16BF, depth, n, k->x_stride);
    s = s ? s : l->cublasLtMatrixLayoutCreate_(&p->c, type, m, n, k->c_stride);
    return s ? s : l->cublasLtMatrixLayoutCreate_(&p->d, type, m, n, k->d_stride);
}

/* The candidates of the heuristics, best first by their own estimate; *n of them. */
static cublasStatus_t candidates(const cublaslt *l, const prepared *p,
                                 cublasLtMatmulHeuristicResult_t *out, int *n)
{
    const uint32_t alignment = ALIGNMENT;
    cublasLtMatmulPreference_t wish;
    cublasStatus_t s = l->cublasLtMatmulPreferenceCreate_(&wish);
    if (s) {
        return s;
    }
    s = l->cublasLtMatmulPreferenceSetAttribute_(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                 &SCRATCH, sizeof SCRATCH);
    for (const cublasLtMatmulPreferenceAttributes_t which :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
        s = s ? s
              : l->cublasLtMatmulPreferenceSetAttribute_(wish, which, &alignment, sizeof alignment);
    }
    s = s ? s
          : l->cublasLtMatmulAlgoGetHeuristic_(l->handle, p->product, p->w, p->x, p->c, p->d, wish,
                                               CANDIDATES, out, n);
    (void)l->cublasLtMatmulPreferenceDestroy_(wish);
    return s;
}

static alm_status choose(const cublaslt *l, prepared *p, const product_data *data,
                         const alm_exec *x)
{
    cublasLtMatmulHeuristicResult_t list[CANDIDATES];
    int n = 0, best = 0;
    const cublasStatus_t status = candidates(l, p, list, &n);
    if (status != CUBLAS_STATUS_SUCCESS || n < 1) {
        return failed("no algorithm", status);
    }
    float least = -1;
    for (int i = 0; x->tune && i < n; i++) {
        const float ms = time_of(l, p, &list[i].algo, data, x->stream);
        if (ms >= 0 && (least < 0 || ms < least)) {
            least = ms;
            best = i;
        }
    }
    p->algorithm = list[best].algo;
    p->is_tuned = x->tune;
    return ALM_OK;
}

/* d of `data` is written, and what is at `trial` when candidates are timed: with a residual in
 * place, d may be written once only. */
static alm_status run_product(const alm_exec *x, cublaslt *l, const product_key *key,
                              const product_data *data, void *trial)
{
    prepared *p = nullptr;
    for (int i = 0; i < l->n_prepared && !p; i++) {
        p = memcmp(&l->shapes[i].key, key, sizeof *key) == 0 ? &l->shapes[i] : nullptr;
    }
    if (!p) {
        if (l->n_prepared == SHAPES) { /* rows come in many sizes: begin anew */
            while (l->n_prepared > 0) {
                release(l, &l->shapes[--l->n_prepared]);
            }
        }
        p = &l->shapes[l->n_prepared];
        p->key = *key;
        const cublasStatus_t status = describe(l, p);
        if (status != CUBLAS_STATUS_SUCCESS) {
            release(l, p);
            return failed("a description", status);
        }
    }
    if (data->bias) {
        const cublasStatus_t status = l->cublasLtMatmulDescSetAttribute_(
            p->product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &data->bias, sizeof data->bias);
        if (status != CUBLAS_STATUS_SUCCESS) {
            return failed("the bias", status);
        }
    }
    const bool is_new = p == &l->shapes[l->n_prepared];
    if (is_new || (x->tune && !p->is_tuned)) {
        product_data other = *data;
        other.d = trial;
        const alm_status status = choose(l, p, &other, x);
        if (status != ALM_OK) {
            if (is_new) {
                release(l, p);
            }
            return status;
        }
        l->n_prepared += is_new;
    }
    const cublasStatus_t status = multiply(l, p, &p->algorithm, data, x->stream);
    return status == CUBLAS_STATUS_SUCCESS ? ALM_OK : failed("cublasLtMatmul", status);
}

/* ---- What is not fused ---- */

/* products, up: f32 [rows, e.columns], packed. A thread four columns of a row, blockIdx.x. */
static __global__ void __launch_bounds__(256)
    finish_kernel(const float *products, const float *up, alm_row_count rows, linear_epilogue e)
{
    release_dependents();
    wait_for_inputs();
    const int column = 4 * ((int)blockIdx.y * 256 + (int)threadIdx.x);
    const int64_t row = blockIdx.x;
    if (row >= rows.get() || column >= e.columns) {
        return;
    }
    const bool whole = e.columns % 4 == 0;
    float v[4], u[4] = {}, bias[4], residual[4];
    linear_load<4>(v, products + row * e.columns + column, whole, e.columns - column);
    if (up) {
        linear_load<4>(u, up + row * e.columns + column, whole, e.columns - column);
    }
    linear_bias<4>(e, column, bias);
    linear_residual<4>(e, row, column, residual);
    linear_finish<4>(e, v, bias, u, residual);
    linear_store<4>(e, row, column, v);
}

/* The library's epilogue, or 0 where a second kernel is needed. */
static int64_t fused_epilogue(const alm_op_args *a)
{
    const alm_tensor *bias = alm_optional(a, 2);
    const int kind = (int)((const alm_linear_attr *)a->attr)->epilogue;
    const alm_dtype type = a->out[0].desc.dtype;
    if ((bias && bias->desc.dtype != type) ||
        (alm_optional(a, 3) && (kind != ALM_EPILOGUE_NONE || type != ALM_DTYPE_F32))) {
        return 0;
    }
    switch (kind) {
    case ALM_EPILOGUE_NONE: return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    case ALM_EPILOGUE_RELU: return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    case ALM_EPILOGUE_GELU_TANH: return bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    default: return 0;
    }
}

static size_t product_bytes(const alm_op_args *a)
{
    const size_t bytes =
        (size_t)a->in[0].desc.dim[0] * (size_t)a->in[1].desc.dim[0] * sizeof(float);
    return (bytes + 255) / 256 * 256;
}

extern "C" bool alm_linear_cublaslt_accepts(const alm_op_args *a)
{
    const alm_tensor *up = alm_optional(a, 4), *residual = alm_optional(a, 3);
    return a->in[0].desc.dtype == ALM_DTYPE_BF16 && a->in[1].desc.dtype == ALM_DTYPE_BF16 &&
           (!up || up->desc.dtype == ALM_DTYPE_BF16) && a->in[0].desc.dim[1] % 8 == 0 &&
           a->in[0].desc.dim[0] > 0 && a->in[0].desc.dim[1] > 0 && a->in[0].stride % 8 == 0 &&
           a->in[1].desc.dim[0] % 8 == 0 && a->out[0].stride % 8 == 0 &&
           (!residual || residual->stride % 8 == 0);
}

extern "C" size_t alm_linear_cublaslt_workspace(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return SCRATCH + product_bytes(a) * (alm_optional(a, 4) ? 2 : 1);
}

extern "C" alm_status alm_linear_cublaslt_run(const alm_exec *x, const alm_op_args *a)
{
    const alm_tensor *in = &a->in[0], *bias = alm_optional(a, 2), *residual = alm_optional(a, 3),
                     *up = alm_optional(a, 4);
    cublaslt *l = nullptr;
    ALM_TRY(open_library(x, &l));
    char *const scratch = (char *)a->workspace, *const products = scratch + SCRATCH;
    char *const up_products = products + product_bytes(a);
    const int64_t rows = in->desc.dim[0], columns = a->in[1].desc.dim[0];
    product_key key = {.rows = rows,
                       .columns = columns,
                       .depth = in->desc.dim[1],
                       .x_stride = in->stride,
                       .c_stride = columns,
                       .d_stride = columns,
                       .is_bf16 = 0,
                       .epilogue = fused_epilogue(a),
                       .adds = 0};
    product_data data = {.x = in->data,
                         .w = a->in[1].data,
                         .bias = nullptr,
                         .c = nullptr,
                         .d = products,
                         .scratch = scratch};
    if (key.epilogue) {
        key.d_stride = a->out[0].stride;
        key.is_bf16 = a->out[0].desc.dtype == ALM_DTYPE_BF16;
        key.adds = residual != nullptr;
        key.c_stride = residual ? residual->stride : key.d_stride;
        data.bias = bias ? bias->data : nullptr;
        data.c = residual ? residual->data : nullptr;
        data.d = a->out[0].data;
        /* Candidates are timed with rows as far apart as the result's: they must fit there. */
        void *trial = key.d_stride == columns ? products : data.d;
        if (trial == data.d && data.c == data.d) {
            return alm_fail(ALM_STATUS_INTERNAL,
                            "linear_bf16_cublaslt: a residual in place with rows %lld apart",
                            (long long)key.d_stride);
        }
        return run_product(x, l, &key, &data, trial);
    }
    key.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    ALM_TRY(run_product(x, l, &key, &data, products));
    if (up) {
        data.w = up->data;
        data.d = up_products;
        ALM_TRY(run_product(x, l, &key, &data, up_products));
    }
    return alm_launch(x, "linear_cublaslt", finish_kernel,
                      dim3((unsigned)rows, alm_blocks(columns, 1024)), dim3(256), 0,
                      (const float *)products, up ? (const float *)up_products : nullptr,
                      alm_row_count_of(in), linear_epilogue_of(a));
}

#else

extern "C" bool alm_linear_cublaslt_accepts(const alm_op_args *a)
{
    (void)a;
    return false;
}

extern "C" size_t alm_linear_cublaslt_workspace(const alm_op_args *a, const alm_device *device)
{
    (void)a;
    (void)device;
    return 0;
}

extern "C" alm_status alm_linear_cublaslt_run(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    (void)a;
    return alm_fail(ALM_STATUS_DEVICE, "linear_bf16_cublaslt: built without cublasLt.h");
}

#endif
