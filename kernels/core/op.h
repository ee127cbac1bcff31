/* One operation, one descriptor.
 *
 * An operation states its contract (check), its shape rule (infer) and its kernels, best first, the
 * double-accumulating reference last. A kernel sees tensors and attributes, never the graph; it
 * enqueues work and neither allocates nor waits. All tables are const; ops.def lists them.
 */
#ifndef ALM_KERNELS_CORE_OP_H
#define ALM_KERNELS_CORE_OP_H

#include "kernels/core/desc.h"
#include "kernels/core/parallel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum alm_backend { ALM_BACKEND_CPU, ALM_BACKEND_CUDA } alm_backend;

/* min_arch of CPU kernels. On CUDA min_arch is 10·major + minor of the compute capability. */
enum { ALM_CPU_GENERIC = 0, ALM_CPU_AVX2 = 2, ALM_CPU_AVX512 = 512 };

typedef struct alm_kernel alm_kernel;
typedef struct alm_op_def alm_op_def;

/* What a kernel may know of the device when it is chosen and when its workspace is sized. */
typedef struct alm_device {
    alm_backend backend;
    int arch;    /* ALM_CPU_..., or compute capability */
    int threads; /* threads of the pool; 1 on CUDA */
    /* The kernels that the device has for an operation, best first, then a nameless entry. NULL:
     * those of the operation's descriptor, which are for the CPU. */
    const alm_kernel *(*kernels)(const alm_op_def *op);
    int multiprocessors; /* CUDA only */
    size_t shared_bytes; /* CUDA only: most shared memory that a block may ask for */
} alm_device;

/* The widest instruction set of this CPU, limited by ASSEMLM_CPU_ISA. AVX2 stands for AVX2, FMA and
 * F16C; AVX512 for F, BW, DQ and VL besides. */
int alm_cpu_arch(void);

/* What a kernel runs with. On CUDA all pointers of the arguments, `count` too, are device memory;
 * run() launches and returns. */
typedef struct alm_exec {
    alm_pool *pool; /* NULL: this thread only */
    /* CUDA only. */
    const alm_device *device;
    void *stream;   /* cudaStream_t */
    int32_t *fault; /* device memory, 0 at the start of a run. A kernel that meets data which the
                     * contract refuses stores fault_code there and goes on harmlessly */
    int32_t fault_code; /* names the node */
    bool overlap;       /* launches may begin before the one before has ended (device.cuh:
                         * wait_for_inputs) */
    bool tune;          /* outside of a capture: a kernel may time its choices and wait */
    void *libraries;    /* handles of cuBLASLt and others, the backend's; NULL: there are none */
} alm_exec;

/* A tensor argument. Rows (entries of dimension 0) lie `stride` elements apart, the dimensions
 * behind are packed. desc holds capacities; *count rows of them are in use (count NULL: all). Rows
 * past the count are not read and may be left unwritten. In check and infer, data and count are
 * NULL. An absent optional input has dtype NONE. */
typedef struct alm_tensor {
    void *data;
    const int32_t *count;
    int64_t stride;
    alm_desc desc;
} alm_tensor;

typedef struct alm_op_args {
    const alm_tensor *in;
    int n_in;
    const alm_tensor *out;
    int n_out;
    const void *attr; /* the operation's own struct; NULL when it has none */
    void *workspace;  /* aligned to ALM_ALIGNMENT; what workspace() asked for */
} alm_op_args;

static inline bool alm_present(const alm_tensor *t)
{
    return t->desc.dtype != ALM_DTYPE_NONE;
}

/* Optional input i: NULL when it is absent or the operation was given fewer inputs. */
static inline const alm_tensor *alm_optional(const alm_op_args *a, int i)
{
    return i < a->n_in && alm_present(&a->in[i]) ? &a->in[i] : NULL;
}

/* Rows in use, never more than the capacity. CPU only. */
static inline int64_t alm_rows(const alm_tensor *t)
{
    const int64_t capacity = t->desc.dim[0];
    return t->count && *t->count < capacity ? (*t->count < 0 ? 0 : *t->count) : capacity;
}

static inline bool alm_is_packed(const alm_tensor *t)
{
    return t->stride == alm_desc_row(&t->desc);
}

/* Row i of a tensor of 4-byte elements, as the type wanted. */
#define alm_row(type, t, i) ((type *)(t)->data + (i) * (t)->stride)

struct alm_kernel {
    const char *name; /* "linear_f32_avx512" */
    alm_backend backend;
    int min_arch, max_arch;                /* max_arch 0: none */
    bool (*accepts)(const alm_op_args *a); /* NULL: whatever check() passed */
    size_t (*workspace)(const alm_op_args *a, const alm_device *device); /* bytes; NULL: none */
    alm_status (*run)(const alm_exec *x,
                      const alm_op_args *a); /* enqueue only: no malloc, no sync */
    /* Two nodes of the same shapes, types and attributes that do not depend on each other, in one
     * launch (the two clouds). NULL: one after the other. */
    alm_status (*run_pair)(const alm_exec *x, const alm_op_args *a, const alm_op_args *b);
    int launches; /* CUDA: launches that run() makes; 0 stands for 1 */
    /* A library's: the bits of a row may depend on the number of rows. It stands behind a kernel
     * that takes everything, so that only ASSEMLM_KERNEL and benches reach it. Benches compare it
     * with ours, tests leave it out. */
    bool is_foreign;
    /* Has not run on a device yet. It stands behind one that takes everything, too, until it has:
     * only ASSEMLM_KERNEL takes it, tests and benches with ASSEMLM_TEST_HOPPER=1. Pairs, and
     * buffers that are not aligned to 16 bytes, it may hand over to a kernel of other bits. */
    bool is_trial;
};

enum { ALM_NO_INPUT = -1 };

struct alm_op_def {
    const char *name;
    int in_min, in_max, out_count;
    int count_from; /* outputs take the row count of this input; ALM_NO_INPUT: all rows are in use
                     */
    int in_place; /* output 0 may take the buffer of this input; ALM_NO_INPUT: never. When the input
                   * that it takes is absent, never either */
    alm_status (*check)(const alm_op_args *a);                /* every precondition, with a text */
    alm_status (*infer)(const alm_op_args *a, alm_desc *out); /* after check(); out: [out_count] */
    const alm_kernel
        *kernels; /* of the CPU; best first, the reference last, then a nameless entry */
    /* Operands of matrix products may be BF16 instead of F32 (graph/narrow.h): bit i of bf16_in for
     * input i; bf16_out for output 0, then rounded once to nearest even at the end. */
    uint32_t bf16_in;
    bool bf16_out;
    /* Bit i: input i is a weight that input 0 is multiplied by. Where input 0 is BF16, an F32 one
     * is rounded once, when the model is loaded. */
    uint32_t bf16_weights;
};

/* Every operation of ops.def as `alm_op_<name>`, and all of them in the order of ops.def, NULL at
 * the end. */
#define ALM_OP(name) extern const alm_op_def alm_op_##name;
#include "kernels/ops.def"
#undef ALM_OP
extern const alm_op_def *const alm_ops[];

/* The best kernel of the operation for the arguments and the device, or NULL. `prefer`:
 * comma-separated kernel names that go first where they fit (ASSEMLM_KERNEL); may be NULL. */
const alm_kernel *alm_op_kernel(const alm_op_def *op, const alm_op_args *a,
                                const alm_device *device, const char *prefer);

/* Helpers for check(). Each returns ALM_STATUS_MODEL with a text like
 * "linear: weight is BF16 [3, 4], expected [*, 8]". `dim` -1 stands for any size. */
alm_status alm_check_dtype(const char *op, const char *what, const alm_tensor *t, alm_dtype dtype);
alm_status alm_check_operand(const char *op, const char *what,
                             const alm_tensor *t); /* F32 or BF16 */
alm_status alm_check_weight(const char *op, const char *what,
                            const alm_tensor *t); /* F32 or BF16, packed */
alm_status alm_check_packed(const char *op, const char *what, const alm_tensor *t);
alm_status alm_check_shape(const char *op, const char *what, const alm_tensor *t, int rank,
                           const int64_t *dim);
#define ALM_SHAPE(...)                                                                             \
    ((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))), ((const int64_t[]){__VA_ARGS__})

#ifdef __cplusplus
}
#endif

#endif
