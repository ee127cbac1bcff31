/* Runs prepared setups of op_test.c in device memory (op_test_cuda.h): every buffer gets a mirror
 * there, the kernel runs on the mirrors, and they come back into the buffers. The host touches
 * device memory by cudaMemcpy only. */
#include "tests/ops/op_test_cuda.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/op_setup.h"

/* Device memory of a buffer; data lies where it lies in the buffer, counted from an address aligned
 * to 256. */
typedef struct mirror {
    uint8_t *block, *data;
    const buffer *of;
} mirror;

/* A setup in device memory. */
typedef struct mirrors {
    mirror in[ALM_OP_TEST_INPUTS], out[ALM_OP_TEST_OUTPUTS], workspace;
    int32_t *count;
    alm_tensor in_tensor[ALM_OP_TEST_INPUTS], out_tensor[ALM_OP_TEST_OUTPUTS];
    alm_op_args args;
} mirrors;

static const char *running = "?";

static void must(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        fprintf(stderr, "op_test_cuda: %s: %s: %s\n", running, what, cudaGetErrorString(error));
        exit(1);
    }
}

static void *device_memory(size_t bytes)
{
    void *block = NULL;
    must(cudaMalloc(&block, bytes ? bytes : 1), "cudaMalloc");
    return block;
}

static void copy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    if (bytes > 0) {
        must(cudaMemcpy(to, from, bytes, kind), "cudaMemcpy");
    }
}

/* The rows in use of a tensor, between its buffer and the mirror. */
static void copy_rows(const mirror *m, const alm_tensor *t, bool up)
{
    const size_t size = alm_dtype_size(t->desc.dtype);
    const size_t row = (size_t)alm_desc_row(&t->desc) * size;
    const int64_t rows = alm_rows(t);
    if (alm_is_packed(t)) {
        copy(up ? m->data : m->of->data, up ? m->of->data : m->data, (size_t)rows * row,
             up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        const size_t at = (size_t)(r * t->stride) * size;
        copy(up ? m->data + at : m->of->data + at, up ? m->of->data + at : m->data + at, row,
             up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost);
    }
}

/* Makes the mirror of a buffer; with `fresh` only the rows of `given` (NULL: none) are written. */
static void mirror_create(mirror *m, const buffer *b, bool fresh, const alm_tensor *given)
{
    m->of = b;
    if (fresh) {
        const size_t shift = (size_t)(b->data - b->block) - ALM_OP_TEST_GUARD;
        m->block = device_memory(shift + b->bytes);
        m->data = m->block + shift;
        if (given) {
            copy_rows(m, given, true);
        }
    } else {
        m->block = device_memory(b->total);
        m->data = m->block + (b->data - b->block);
        copy(m->block, b->block, b->total, cudaMemcpyHostToDevice);
    }
}

static void mirror_return(const mirror *m, bool fresh, const alm_tensor *t)
{
    if (!m->block) {
        return;
    }
    if (!fresh) {
        copy(m->of->block, m->block, m->of->total, cudaMemcpyDeviceToHost);
    } else if (t) {
        copy_rows(m, t, false);
    }
}

static const int32_t *count_on_device(const mirrors *m, const setup *s, const int32_t *count)
{
    return count ? m->count + (count - s->count) : NULL;
}

static void upload(mirrors *m, const variant *v, setup *s)
{
    memset(m, 0, sizeof *m);
    m->count = device_memory(sizeof s->count);
    copy(m->count, s->count, sizeof s->count, cudaMemcpyHostToDevice);
    m->args = s->args;
    m->args.in = m->in_tensor;
    m->args.out = m->out_tensor;
    for (int i = 0; i < s->args.n_in; i++) {
        m->in_tensor[i] = s->in[i];
        if (alm_present(&s->in[i])) {
            mirror_create(&m->in[i], &s->in_buffer[i], v->fresh, &s->in[i]);
            m->in_tensor[i].data = m->in[i].data;
            m->in_tensor[i].count = count_on_device(m, s, s->in[i].count);
        }
    }
    for (int o = 0; o < s->args.n_out; o++) {
        m->out_tensor[o] = s->out[o];
        m->out_tensor[o].count = count_on_device(m, s, s->out[o].count);
        if (s->out_buffer[o].block) {
            mirror_create(&m->out[o], &s->out_buffer[o], v->fresh, NULL);
            m->out_tensor[o].data = m->out[o].data;
        }
    }
    if (v->in_place) {
        for (int i = 0; i < s->args.n_in; i++) {
            if (s->in[i].data == s->out[0].data) {
                m->out_tensor[0].data = m->in_tensor[i].data;
            }
        }
    }
    mirror_create(&m->workspace, &s->workspace, v->fresh, NULL);
    m->args.workspace = m->workspace.data;
}

static void release(mirrors *m)
{
    for (int i = 0; i < ALM_OP_TEST_INPUTS; i++) {
        must(cudaFree(m->in[i].block), "cudaFree");
    }
    for (int o = 0; o < ALM_OP_TEST_OUTPUTS; o++) {
        must(cudaFree(m->out[o].block), "cudaFree");
    }
    must(cudaFree(m->workspace.block), "cudaFree");
    must(cudaFree(m->count), "cudaFree");
}

static void download(mirrors *m, const variant *v, setup *s)
{
    int32_t count[ALM_OP_TEST_INPUTS];
    copy(count, m->count, sizeof count, cudaMemcpyDeviceToHost);
    if (memcmp(count, s->count, sizeof count) != 0) {
        fprintf(stderr, "op_test_cuda: %s wrote to the row counts\n", running);
        exit(1);
    }
    for (int i = 0; i < s->args.n_in; i++) {
        mirror_return(&m->in[i], v->fresh, &s->in[i]);
    }
    for (int o = 0; o < s->args.n_out; o++) {
        mirror_return(&m->out[o], v->fresh, &s->out[o]);
    }
    mirror_return(&m->workspace, v->fresh, NULL);
}

static alm_status launch(const alm_exec *x, const variant *v, const mirrors *m, int n)
{
    return n == 2 ? v->kernel->run_pair(x, &m[0].args, &m[1].args) : v->kernel->run(x, &m[0].args);
}

static alm_status run(const alm_op_test_device *d, const variant *v, setup *const *s, int n,
                      int32_t *fault)
{
    mirrors m[2];
    running = v->kernel->name;
    for (int i = 0; i < n; i++) {
        upload(&m[i], v, s[i]);
    }
    int32_t *device_fault = device_memory(sizeof *fault);
    copy(device_fault, fault, sizeof *fault, cudaMemcpyHostToDevice);
    /* Such copies may return before they have arrived, and our stream does not wait for them. */
    must(cudaDeviceSynchronize(), "uploading");
    const alm_exec exec = {.device = &d->device,
                           .stream = d->own,
                           .fault = device_fault,
                           .fault_code = ALM_OP_TEST_FAULT,
                           .overlap = v->overlap};
    alm_status status = launch(&exec, v, m, n);
    if (status == ALM_OK && v->overlap) {
        status = launch(&exec, v, m, n);
    }
    must(cudaStreamSynchronize((cudaStream_t)d->own), "the kernel");
    copy(fault, device_fault, sizeof *fault, cudaMemcpyDeviceToHost);
    must(cudaFree(device_fault), "cudaFree");
    for (int i = 0; i < n; i++) {
        download(&m[i], v, s[i]);
        release(&m[i]);
    }
    return status;
}

static int attribute(enum cudaDeviceAttr which)
{
    int value = 0;
    must(cudaDeviceGetAttribute(&value, which, 0), "cudaDeviceGetAttribute");
    return value;
}

const alm_op_test_device *alm_op_test_cuda(const alm_kernel *(*kernels)(const alm_op_def *op),
                                           const char **why)
{
    static alm_op_test_device d;
    static cudaStream_t stream;
    int devices = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (error != cudaSuccess || devices < 1) {
        *why = error != cudaSuccess ? cudaGetErrorString(error) : "no device";
        return NULL;
    }
    if (!d.run) {
        must(cudaSetDevice(0), "cudaSetDevice");
        must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
        d = (alm_op_test_device){
            .device = {.backend = ALM_BACKEND_CUDA,
                       .arch = 10 * attribute(cudaDevAttrComputeCapabilityMajor) +
                               attribute(cudaDevAttrComputeCapabilityMinor),
                       .threads = 1,
                       .kernels = kernels,
                       .multiprocessors = attribute(cudaDevAttrMultiProcessorCount),
                       .shared_bytes = (size_t)attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)},
            .own = stream,
            .run = run,
        };
    }
    return &d;
}
