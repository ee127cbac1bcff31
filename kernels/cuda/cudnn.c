#include "kernels/cuda/cudnn.h"

#include "kernels/cuda/libraries.h"

#if !defined(ALM_CUDA_SHIM) && __has_include(<cudnn.h>)

#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/cudnn_graph.h"

enum { GRAPHS = 32, ENGINES = 16 };

typedef struct prepared {
    alm_cudnn_graph key;
    alm_cudnn_build build; /* owns all descriptors, the plan among them */
    cudnnBackendDescriptor_t plan;
} prepared;

typedef struct cudnn {
    cudnnHandle_t handle;
    alm_cudnn_functions f;
    int count;
    prepared *graph[GRAPHS];
} cudnn;

static alm_status failed(const cudnn *c, const char *what, cudnnStatus_t status)
{
    char text[256] = "";
    if (c->f.cudnnGetLastErrorString) {
        c->f.cudnnGetLastErrorString(text, sizeof text);
    }
    const alm_status code =
        status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ? ALM_STATUS_MEMORY
        : status / 1000 * 1000 == CUDNN_STATUS_EXECUTION_FAILED      ? ALM_STATUS_RESTART
                                                                     : ALM_STATUS_DEVICE;
    return alm_fail(code, "cuDNN: %s: status %d, %s", what, (int)status, text);
}

/* ---- The library ---- */

static void forget_graphs(cudnn *c)
{
    for (int i = 0; i < c->count; i++) {
        alm_cudnn_build_free(&c->graph[i]->build);
        free(c->graph[i]);
    }
    c->count = 0;
}

static void close_library(void *state)
{
    cudnn *c = (cudnn *)state;
    forget_graphs(c);
    if (c->handle) {
        (void)c->f.cudnnDestroy(c->handle);
    }
    free(c);
}

static alm_status open_functions(cudnn *c)
{
    const char *name;
    void *library = alm_library_open(ALM_LIBRARY_CUDNN, &name);
    if (!library) {
        return alm_fail(ALM_STATUS_DEVICE, "cuDNN: no libcudnn.so.9");
    }
#define FIND(name) ALM_TRY(alm_library_function(library, "cuDNN: the library", #name, &c->f.name));
    ALM_CUDNN_FUNCTIONS(FIND)
#undef FIND
    return ALM_OK;
}

/* Memory is asked for by malloc because runs are under the guard. */
static alm_status new_library(cudnn **out)
{
    cudnn *c = (cudnn *)calloc(1, sizeof *c);
    if (!c) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: %zu bytes for cuDNN", sizeof *c);
    }
    const alm_status status = open_functions(c);
    if (status != ALM_OK) {
        close_library(c);
        return status;
    }
    *out = c;
    return ALM_OK;
}

static alm_status library_of(const alm_exec *x, cudnn **out)
{
    alm_libraries *libraries = (alm_libraries *)x->libraries;
    if (!libraries) {
        return alm_fail(ALM_STATUS_DEVICE, "cuDNN: the device has no libraries");
    }
    if (!libraries->slot[ALM_LIBRARY_CUDNN].state) {
        cudnn *c;
        ALM_TRY(new_library(&c));
        const cudnnStatus_t status = c->f.cudnnCreate(&c->handle);
        if (status != CUDNN_STATUS_SUCCESS) {
            const alm_status error = failed(c, "cudnnCreate", status);
            close_library(c);
            return error;
        }
        libraries->slot[ALM_LIBRARY_CUDNN].state = c;
        libraries->slot[ALM_LIBRARY_CUDNN].close = close_library;
    }
    *out = (cudnn *)libraries->slot[ALM_LIBRARY_CUDNN].state;
    return ALM_OK;
}

/* ---- Engines ---- */

/* The engines that the heuristics name for the graph and that take it, best first. properties: of
 * the device, or NULL: that of the handle. */
static int engines_of(alm_cudnn_build *b, cudnnBackendDescriptor_t graph,
                      cudnnBackendHeurMode_t mode, cudnnBackendDescriptor_t properties,
                      cudnnBackendDescriptor_t *list)
{
    int64_t count = 0;
    cudnnBackendDescriptor_t heuristics = alm_cudnn_create(b, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    alm_cudnn_set(b, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
                  CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph);
    alm_cudnn_set(b, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    if (properties) {
        alm_cudnn_set(b, heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
                      CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &properties);
    }
    alm_cudnn_finish(b, heuristics);
    for (int i = 0; i < ENGINES; i++) {
        list[i] = alm_cudnn_create(b, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    }
    if (b->status == CUDNN_STATUS_SUCCESS &&
        b->f->cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, ENGINES, &count,
                                       list) != CUDNN_STATUS_SUCCESS) {
        return 0; /* none of this mode */
    }
    return (int)count;
}

/* A plan of the engine, or NULL: it does not run here, or wants too much scratch. */
static cudnnBackendDescriptor_t plan_of(alm_cudnn_build *b, cudnnHandle_t handle,
                                        cudnnBackendDescriptor_t engine)
{
    int64_t bytes = 0, count = 0;
    cudnnBackendDescriptor_t plan = alm_cudnn_create(b, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    alm_cudnn_set(b, plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    alm_cudnn_set(b, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                  1, &engine);
    if (b->status != CUDNN_STATUS_SUCCESS ||
        b->f->cudnnBackendFinalize(plan) != CUDNN_STATUS_SUCCESS ||
        b->f->cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                       CUDNN_TYPE_INT64, 1, &count,
                                       &bytes) != CUDNN_STATUS_SUCCESS ||
        bytes > ALM_CUDNN_SCRATCH) {
        return NULL;
    }
    return plan;
}

static alm_status build_plan(const cudnn *c, prepared *p)
{
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};
    alm_cudnn_build *b = &p->build;
    b->f = &c->f;
    cudnnBackendDescriptor_t graph = alm_cudnn_graph_of(b, c->handle, &p->key);
    for (int m = 0; m < 2 && b->status == CUDNN_STATUS_SUCCESS && !p->plan; m++) {
        cudnnBackendDescriptor_t engine[ENGINES];
        const int count = engines_of(b, graph, modes[m], NULL, engine);
        for (int i = 0; i < count && !p->plan; i++) {
            p->plan = plan_of(b, c->handle, engine[i]);
        }
    }
    return p->plan ? ALM_OK : failed(c, "no engine takes the graph", b->status);
}

static alm_status prepared_of(cudnn *c, const alm_cudnn_graph *graph, prepared **out)
{
    for (int i = 0; i < c->count; i++) {
        if (memcmp(&c->graph[i]->key, graph, sizeof *graph) == 0) {
            *out = c->graph[i];
            return ALM_OK;
        }
    }
    if (c->count == GRAPHS) { /* rows come in many sizes: begin anew */
        forget_graphs(c);
    }
    prepared *p = (prepared *)calloc(1, sizeof *p);
    if (!p) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: %zu bytes for cuDNN", sizeof *p);
    }
    p->key = *graph;
    const alm_status status = build_plan(c, p);
    if (status != ALM_OK) {
        alm_cudnn_build_free(&p->build);
        free(p);
        return status;
    }
    c->graph[c->count++] = *out = p;
    return ALM_OK;
}

/* ---- Running ---- */

alm_status alm_cudnn_run(const alm_exec *x, const alm_cudnn_graph *graph,
                         void *const pointers[ALM_CUDNN_POINTERS], void *scratch)
{
    cudnn *c;
    prepared *p;
    ALM_TRY(library_of(x, &c));
    ALM_TRY(prepared_of(c, graph, &p));
    int64_t uid[ALM_CUDNN_POINTERS + 1];
    void *data[ALM_CUDNN_POINTERS + 1];
    int n = 0;
    static float hidden = ALM_CUDNN_HIDDEN;
    for (int i = 0; i < ALM_CUDNN_POINTERS; i++) {
        if (pointers[i]) {
            uid[n] = i + 1;
            data[n++] = pointers[i];
        }
    }
    if (graph->mask == ALM_CUDNN_MASK_CAUSAL) {
        uid[n] = ALM_CUDNN_HIDDEN_UID;
        data[n++] = &hidden;
    }
    cudnnStatus_t status = c->f.cudnnSetStream(c->handle, (cudaStream_t)x->stream);
    cudnnBackendDescriptor_t pack = NULL;
    status = status
                 ? status
                 : c->f.cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
    status = status ? status
                    : c->f.cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                                                    CUDNN_TYPE_INT64, n, uid);
    status = status ? status
                    : c->f.cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                                    CUDNN_TYPE_VOID_PTR, n, data);
    status = status ? status
                    : c->f.cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                                                    CUDNN_TYPE_VOID_PTR, 1, &scratch);
    status = status ? status : c->f.cudnnBackendFinalize(pack);
    status = status ? status : c->f.cudnnBackendExecute(c->handle, p->plan, pack);
    const alm_status result = status == CUDNN_STATUS_SUCCESS ? ALM_OK : failed(c, "a run", status);
    if (pack) {
        (void)c->f.cudnnBackendDestroyDescriptor(pack);
    }
    return result;
}

alm_status alm_cudnn_engines(const char *properties, const alm_cudnn_graph *graph, int *count)
{
    cudnn *c;
    ALM_TRY(new_library(&c));
    alm_cudnn_build b = {.f = &c->f};
    cudnnBackendDescriptor_t engine[ENGINES];
    cudnnBackendDescriptor_t device = alm_cudnn_create(&b, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    alm_cudnn_set(&b, device, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                  (int64_t)strlen(properties), properties);
    alm_cudnn_finish(&b, device);
    *count = engines_of(&b, alm_cudnn_graph_of(&b, NULL, graph), CUDNN_HEUR_MODE_A, device, engine);
    const alm_status status =
        b.status == CUDNN_STATUS_SUCCESS ? ALM_OK : failed(c, b.what, b.status);
    alm_cudnn_build_free(&b);
    close_library(c);
    return status;
}

#else

alm_status alm_cudnn_run(const alm_exec *x, const alm_cudnn_graph *graph,
                         void *const pointers[ALM_CUDNN_POINTERS], void *scratch)
{
    (void)x, (void)graph, (void)pointers, (void)scratch;
    return alm_fail(ALM_STATUS_DEVICE, "cuDNN: built without cudnn.h");
}

alm_status alm_cudnn_engines(const char *properties, const alm_cudnn_graph *graph, int *count)
{
    (void)properties, (void)graph, (void)count;
    return alm_fail(ALM_STATUS_DEVICE, "cuDNN: built without cudnn.h");
}

#endif
