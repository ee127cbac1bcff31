#if !defined(ALM_CUDA_SHIM) && __has_include(<cudnn.h>)

#include "kernels/cuda/cudnn_graph.h"

typedef cudnnBackendDescriptor_t descriptor;

/* ---- Descriptors ---- */

static void keep(alm_cudnn_build *b, cudnnStatus_t status, const char *what)
{
    if (b->status == CUDNN_STATUS_SUCCESS && status != CUDNN_STATUS_SUCCESS) {
        b->status = status;
        b->what = what;
    }
}

descriptor alm_cudnn_create(alm_cudnn_build *b, cudnnBackendDescriptorType_t type)
{
    descriptor d = NULL;
    if (b->n_owned == ALM_CUDNN_DESCRIPTORS) {
        keep(b, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "too many descriptors");
    }
    if (b->status == CUDNN_STATUS_SUCCESS) {
        keep(b, b->f->cudnnBackendCreateDescriptor(type, &d), "a descriptor");
        if (d) {
            b->owned[b->n_owned++] = d;
        }
    }
    return d;
}

void alm_cudnn_set(alm_cudnn_build *b, descriptor d, cudnnBackendAttributeName_t name,
                   cudnnBackendAttributeType_t type, int64_t count, const void *values)
{
    if (b->status == CUDNN_STATUS_SUCCESS) {
        keep(b, b->f->cudnnBackendSetAttribute(d, name, type, count, values), "an attribute");
    }
}

void alm_cudnn_finish(alm_cudnn_build *b, descriptor d)
{
    if (b->status == CUDNN_STATUS_SUCCESS) {
        keep(b, b->f->cudnnBackendFinalize(d), "a descriptor that is complete");
    }
}

void alm_cudnn_build_free(alm_cudnn_build *b)
{
    for (int i = b->n_owned; i-- > 0;) {
        (void)b->f->cudnnBackendDestroyDescriptor(b->owned[i]);
    }
    *b = (alm_cudnn_build){0};
}

static void set_one(alm_cudnn_build *b, descriptor d, cudnnBackendAttributeName_t name,
                    descriptor value)
{
    if (value) {
        alm_cudnn_set(b, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
    }
}

static void set_type(alm_cudnn_build *b, descriptor d, cudnnBackendAttributeName_t name,
                     cudnnDataType_t type)
{
    alm_cudnn_set(b, d, name, CUDNN_TYPE_DATA_TYPE, 1, &type);
}

/* ---- Tensors ---- */

/* All tensors have four dimensions. */
typedef struct extent {
    int64_t size[4], stride[4];
} extent;

enum { BY_POINTER = 0, BY_VALUE = 1, INSIDE = 2 };

static descriptor tensor(alm_cudnn_build *b, int64_t uid, int kind, cudnnDataType_t type, extent e)
{
    const int64_t alignment = 16;
    const bool is_virtual = kind == INSIDE, is_value = kind == BY_VALUE;
    descriptor d = alm_cudnn_create(b, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    set_type(b, d, CUDNN_ATTR_TENSOR_DATA_TYPE, type);
    alm_cudnn_set(b, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, e.size);
    alm_cudnn_set(b, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, e.stride);
    alm_cudnn_set(b, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid);
    alm_cudnn_set(b, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    alm_cudnn_set(b, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual);
    alm_cudnn_set(b, d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &is_value);
    alm_cudnn_finish(b, d);
    return d;
}

static descriptor inside(alm_cudnn_build *b, cudnnDataType_t type, extent e)
{
    return tensor(b, b->next_uid++, INSIDE, type, e);
}

static descriptor number(alm_cudnn_build *b, int64_t uid)
{
    return tensor(b, uid, BY_VALUE, CUDNN_DATA_FLOAT, (extent){{1, 1, 1, 1}, {1, 1, 1, 1}});
}

static cudnnDataType_t type_of(int64_t dtype)
{
    return dtype == ALM_DTYPE_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/* ---- Operations ---- */

static void add_operation(alm_cudnn_build *b, descriptor d)
{
    alm_cudnn_finish(b, d);
    if (b->n_operations == ALM_CUDNN_OPERATIONS) {
        keep(b, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "too many operations");
    } else {
        b->operation[b->n_operations++] = d;
    }
}

/* y = mode(x, other, chosen); other and chosen may be NULL. axis: of GEN_INDEX, else -1. Returns y.
 */
static descriptor pointwise(alm_cudnn_build *b, cudnnPointwiseMode_t mode,
                            cudnnDataType_t precision, int64_t axis, descriptor x, descriptor other,
                            descriptor chosen, descriptor y)
{
    descriptor what = alm_cudnn_create(b, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    alm_cudnn_set(b, what, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    set_type(b, what, CUDNN_ATTR_POINTWISE_MATH_PREC, precision);
    if (axis >= 0) {
        alm_cudnn_set(b, what, CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, 1, &axis);
    }
    alm_cudnn_finish(b, what);
    descriptor d = alm_cudnn_create(b, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    set_one(b, d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, what);
    set_one(b, d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    set_one(b, d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other);
    set_one(b, d, CUDNN_ATTR_OPERATION_POINTWISE_TDESC, chosen);
    set_one(b, d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    add_operation(b, d);
    return y;
}

static descriptor float_op(alm_cudnn_build *b, cudnnPointwiseMode_t mode, descriptor x,
                           descriptor other, descriptor y)
{
    return pointwise(b, mode, CUDNN_DATA_FLOAT, -1, x, other, NULL, y);
}

/* Over the last dimension. Returns y. */
static descriptor reduction(alm_cudnn_build *b, cudnnReduceTensorOp_t mode, descriptor x,
                            descriptor y)
{
    descriptor what = alm_cudnn_create(b, CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    alm_cudnn_set(b, what, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1,
                  &mode);
    set_type(b, what, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    alm_cudnn_finish(b, what);
    descriptor d = alm_cudnn_create(b, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    set_one(b, d, CUDNN_ATTR_OPERATION_REDUCTION_DESC, what);
    set_one(b, d, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x);
    set_one(b, d, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y);
    add_operation(b, d);
    return y;
}

static descriptor product(alm_cudnn_build *b, descriptor x, descriptor other, descriptor y)
{
    descriptor what = alm_cudnn_create(b, CUDNN_BACKEND_MATMUL_DESCRIPTOR);
    set_type(b, what, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_DATA_FLOAT);
    alm_cudnn_finish(b, what);
    descriptor d = alm_cudnn_create(b, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    set_one(b, d, CUDNN_ATTR_OPERATION_MATMUL_DESC, what);
    set_one(b, d, CUDNN_ATTR_OPERATION_MATMUL_ADESC, x);
    set_one(b, d, CUDNN_ATTR_OPERATION_MATMUL_BDESC, other);
    set_one(b, d, CUDNN_ATTR_OPERATION_MATMUL_CDESC, y);
    add_operation(b, d);
    return y;
}

/* ---- Graphs ---- */

static void layernorm(alm_cudnn_build *b, const alm_cudnn_graph *g)
{
    const cudnnBackendNormMode_t mode = CUDNN_LAYER_NORM;
    const cudnnBackendNormFwdPhase_t phase = CUDNN_NORM_FWD_INFERENCE;
    const int64_t n = g->rows, c = g->columns;
    const extent whole = {{n, c, 1, 1}, {c, 1, c, c}}, row = {{1, c, 1, 1}, {c, 1, c, c}};
    const cudnnDataType_t weight = type_of(g->weight_dtype);
    descriptor d = alm_cudnn_create(b, CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
    alm_cudnn_set(b, d, CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_TYPE_NORM_MODE, 1, &mode);
    alm_cudnn_set(b, d, CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_TYPE_NORM_FWD_PHASE, 1, &phase);
    set_one(b, d, CUDNN_ATTR_OPERATION_NORM_FWD_XDESC,
            tensor(b, 1, BY_POINTER, CUDNN_DATA_FLOAT, whole));
    set_one(b, d, CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, tensor(b, 2, BY_POINTER, weight, row));
    set_one(b, d, CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, tensor(b, 3, BY_POINTER, weight, row));
    set_one(b, d, CUDNN_ATTR_OPERATION_NORM_FWD_YDESC,
            tensor(b, 4, BY_POINTER, type_of(g->out_dtype), whole));
    set_one(b, d, CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, number(b, 5));
    add_operation(b, d);
}

/* The scores after the mask. */
static descriptor masked(alm_cudnn_build *b, const alm_cudnn_graph *g, descriptor scores,
                         extent all)
{
    if (g->mask == ALM_CUDNN_MASK_ADDED) {
        const int64_t rows = g->queries * g->mask_stride;
        descriptor mask =
            tensor(b, 6, BY_POINTER, CUDNN_DATA_BFLOAT16,
                   (extent){{1, 1, g->queries, g->keys}, {rows, rows, g->mask_stride, 1}});
        return float_op(b, CUDNN_POINTWISE_ADD, scores, mask, inside(b, CUDNN_DATA_FLOAT, all));
    }
    if (g->mask == ALM_CUDNN_MASK_CAUSAL) {
        descriptor query = inside(b, CUDNN_DATA_INT32, all), key = inside(b, CUDNN_DATA_INT32, all);
        descriptor seen = inside(b, CUDNN_DATA_BOOLEAN, all);
        pointwise(b, CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT, 2, scores, NULL, NULL, query);
        pointwise(b, CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT, 3, scores, NULL, NULL, key);
        pointwise(b, CUDNN_POINTWISE_CMP_GE, CUDNN_DATA_BOOLEAN, -1, query, key, NULL, seen);
        return pointwise(b, CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT, -1, scores,
                         number(b, ALM_CUDNN_HIDDEN_UID), seen, inside(b, CUDNN_DATA_FLOAT, all));
    }
    return scores;
}

/* The operations that cuDNN recognises as fused attention; it wants the logarithm of the sums in
 * the graph, even where nobody reads it. */
static void attention(alm_cudnn_build *b, const alm_cudnn_graph *g)
{
    const int64_t h = g->heads, kv = g->kv_heads, q = g->queries, k = g->keys, d = g->head_dim;
    const extent all = {{g->batch, h, q, k}, {h * q * k, q * k, k, 1}},
                 row = {{g->batch, h, q, 1}, {h * q, q, 1, 1}},
                 queries = {{g->batch, h, q, d}, {q * h * d, d, h * d, 1}},
                 keys = {{g->batch, kv, d, k}, {k * kv * d, d, 1, kv * d}},
                 values = {{g->batch, kv, k, d}, {k * kv * d, d, kv * d, 1}};
    const cudnnDataType_t f32 = CUDNN_DATA_FLOAT, bf16 = CUDNN_DATA_BFLOAT16;
    descriptor scores = product(b, tensor(b, 1, BY_POINTER, bf16, queries),
                                tensor(b, 2, BY_POINTER, bf16, keys), inside(b, f32, all));
    scores = float_op(b, CUDNN_POINTWISE_MUL, scores, number(b, 5), inside(b, f32, all));
    scores = masked(b, g, scores, all);
    descriptor most = reduction(b, CUDNN_REDUCE_TENSOR_MAX, scores, inside(b, f32, row));
    descriptor part = float_op(b, CUDNN_POINTWISE_SUB, scores, most, inside(b, f32, all));
    part = float_op(b, CUDNN_POINTWISE_EXP, part, NULL, inside(b, f32, all));
    descriptor sum = reduction(b, CUDNN_REDUCE_TENSOR_ADD, part, inside(b, f32, row));
    descriptor log = float_op(b, CUDNN_POINTWISE_LOG, sum, NULL, inside(b, f32, row));
    float_op(b, CUDNN_POINTWISE_ADD, most, log, inside(b, f32, row));
    part = float_op(b, CUDNN_POINTWISE_DIV, part, sum, inside(b, bf16, all));
    product(b, part, tensor(b, 3, BY_POINTER, bf16, values),
            tensor(b, 4, BY_POINTER, bf16, queries));
}

descriptor alm_cudnn_graph_of(alm_cudnn_build *b, cudnnHandle_t handle,
                              const alm_cudnn_graph *graph)
{
    b->next_uid = ALM_CUDNN_FIRST_OWN_UID;
    if (graph->kind == ALM_CUDNN_LAYERNORM) {
        layernorm(b, graph);
    } else {
        attention(b, graph);
    }
    descriptor d = alm_cudnn_create(b, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    if (handle) {
        alm_cudnn_set(b, d, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    }
    alm_cudnn_set(b, d, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                  b->n_operations, b->operation);
    alm_cudnn_finish(b, d);
    return d;
}

#endif
