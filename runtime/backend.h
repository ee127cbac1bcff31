/* Where plans run: the CPU (backend_cpu.c) or a GPU (cuda/).
 *
 * A target is an opened device, shared by threads. A timeline belongs to a session and is used by
 * one thread at a time: threads of the CPU, or streams of the GPU. An executor is a plan with its
 * memory on a timeline: everything is allocated before the first run, a run allocates nothing (the
 * allocation guard is up while it lasts).
 */
#ifndef ALM_RUNTIME_BACKEND_H
#define ALM_RUNTIME_BACKEND_H

#include "graph/plan.h"

typedef struct alm_target alm_target;
typedef struct alm_timeline alm_timeline;
typedef struct alm_executor alm_executor;

/* Where the data of a weight lies in host memory, in the type that the graph has; NULL when there
 * is none of this name (the plan was checked, so that is a bug). */
typedef const void *alm_weight_data(void *context, const char *name, const alm_desc *desc);

/* Called after each node, with the guard down; stops the run when it fails. */
typedef alm_status alm_observe_fn(void *context, int node);

typedef struct alm_backend_ops {
    void (*close)(alm_target *target);
    alm_status (*timeline_create)(alm_target *target, int threads, alm_timeline **out);
    void (*timeline_destroy)(alm_timeline *timeline);
    alm_status (*state_create)(alm_timeline *timeline, size_t bytes, void **out);
    void (*state_destroy)(alm_timeline *timeline, void *state);
    alm_status (*executor_create)(alm_timeline *timeline, const alm_plan *plan,
                                  alm_weight_data *weight, void *context, void *state,
                                  alm_executor **out);
    void (*executor_destroy)(alm_executor *executor);
    alm_status (*run)(alm_executor *executor, alm_observe_fn *observe, void *context);
    alm_status (*fetch)(alm_executor *executor, alm_value value, alm_tensor *out);
} alm_backend_ops;

struct alm_target {
    const alm_backend_ops *ops;
    alm_device device;
    int index;      /* of the GPU; 0 for the CPU */
    char name[128]; /* "cpu", "cuda:0 (NVIDIA H100 80GB HBM3)" */
};

struct alm_timeline {
    alm_target *target;
    alm_device device; /* of the target, with the timeline's number of threads */
};

/* The CPU; close with alm_target_close. */
alm_status alm_target_open_cpu(alm_target **out);
/* GPU `index` (cuda/device.c; in builds without CUDA an error that says so). Errors:
 * ALM_STATUS_DEVICE with one line that names what is missing. */
alm_status alm_target_open_cuda(int index, alm_target **out);
/* GPUs that the driver shows; 0 without a driver or without CUDA. */
int alm_cuda_device_count(void);

/* For people (`inspect device`); zeros and NULL where there is none. */
typedef struct alm_cuda_facts {
    int driver, runtime;                 /* CUDA versions, 1000·major + 10·minor */
    const char *archs;                   /* that there is code for: "80;90a" */
    const char *cublaslt, *cudnn, *nccl; /* the names under which they are found */
} alm_cuda_facts;
typedef struct alm_gpu_facts {
    char name[128];
    int arch, multiprocessors, clock_mhz;
    size_t l2_bytes, memory_bytes, free_bytes;
} alm_gpu_facts;
alm_cuda_facts alm_cuda_facts_get(void);
/* Errors: ALM_STATUS_DEVICE, as alm_target_open_cuda. */
alm_status alm_gpu_facts_get(int index, alm_gpu_facts *out);
/* Whether this build has the backend, and the name that options have for it: "cuda" ("shim" in test
 * programs, which run the kernels on the CPU). */
extern const char *const alm_cuda_backend_name; /* NULL: not in this build */
/* alm_device.kernels of the backend; NULL when it is not in this build. */
extern const alm_kernel *(*const alm_cuda_device_kernels)(const alm_op_def *op);
/* NULL is accepted. */
void alm_target_close(alm_target *target);

/* threads: of the CPU, 0 for all; a GPU does not care. */
alm_status alm_timeline_create(alm_target *target, int threads, alm_timeline **out);
void alm_timeline_destroy(alm_timeline *timeline);

/* Memory for the states of a graph, shared by executors of graphs with the same states; 0 bytes
 * give memory too. Freed before the timeline. */
alm_status alm_state_create(alm_timeline *timeline, const alm_graph *graph, void **out);
void alm_state_destroy(alm_timeline *timeline, void *state);

/* The plan, the weights, the state and the timeline must outlive the executor. Errors:
 * ALM_STATUS_MEMORY, ALM_STATUS_RESTART, ALM_STATUS_INTERNAL. */
alm_status alm_executor_create(alm_timeline *timeline, const alm_plan *plan,
                               alm_weight_data *weight, void *context, void *state,
                               alm_executor **out);
void alm_executor_destroy(alm_executor *executor);

/* The buffer of an input, to be written before a run: host memory. */
void *alm_executor_input(const alm_executor *executor, alm_value input);

/* observe may be NULL. Errors: ALM_STATUS_RESTART when the device is lost: this timeline gives
 * nothing more. */
alm_status alm_executor_run(alm_executor *executor, alm_observe_fn *observe, void *context);

/* *out = the tensor behind any value but a weight, readable by the host: shape, stride, data,
 * count. Valid until the next fetch or run. Temporaries hold what their node wrote until they are
 * overwritten. */
alm_status alm_executor_fetch(alm_executor *executor, alm_value value, alm_tensor *out);

/* Rows in use of a value, from the inputs of the last run. */
int64_t alm_executor_rows(const alm_executor *executor, alm_value value);

/* Asks for the time of every node in the runs that come. On a GPU they then run one by one, without
 * a captured graph: their sum is more than an ordinary run takes. */
void alm_executor_time_nodes(alm_executor *executor, bool on);

/* Time of a node in the last run, milliseconds. On a GPU, unless nodes are timed, the last node of
 * each stage has the time of the stage and the others 0. */
double alm_executor_node_ms(const alm_executor *executor, int node);

/* How runs are slower than they should be, for people; "" when they are not. */
const char *alm_executor_note(const alm_executor *executor);

/* Bytes of arena and inputs. */
size_t alm_executor_bytes(const alm_executor *executor);

#endif
