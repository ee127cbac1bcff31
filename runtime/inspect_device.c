/* inspect device: what `--device` can name on this machine, and what is missing. */
#include <stdio.h>

#include "kernels/core/op.h"
#include "runtime/assemlm.h"
#include "runtime/backend.h"
#include "runtime/output/sink.h"

enum { GIB = 1 << 30 };

static const char *cpu_name(int arch)
{
    return arch >= ALM_CPU_AVX512 ? "AVX-512" : arch >= ALM_CPU_AVX2 ? "AVX2" : "no AVX2";
}

static void print_library(alm_sink *out, const char *what, const char *name, const char *use)
{
    alm_sink_print(out, "%-9s %s (%s)\n", what, name ? name : "not found", use);
}

static void print_cuda(alm_sink *out, const alm_cuda_facts *f)
{
    if (!alm_cuda_backend_name) {
        alm_sink_print(out, "%-9s this assemlm was built without it\n", "CUDA");
        return;
    }
    alm_sink_print(out, "%-9s runtime %d.%d, code for %s\n", "CUDA", f->runtime / 1000,
                   f->runtime % 1000 / 10, f->archs ? f->archs : "any architecture");
    if (f->driver) {
        alm_sink_print(out, "%-9s for CUDA %d.%d\n", "driver", f->driver / 1000,
                       f->driver % 1000 / 10);
    } else {
        alm_sink_print(out, "%-9s none is installed\n", "driver");
    }
    print_library(out, "cuBLASLt", f->cublaslt, "for comparison");
    print_library(out, "cuDNN", f->cudnn, "for comparison");
    print_library(out, "NCCL", f->nccl, "for several GPUs");
}

/* Returns whether it can be used. */
static bool print_gpu(alm_sink *out, int index)
{
    alm_gpu_facts f;
    alm_target *target = NULL;
    char name[32];
    snprintf(name, sizeof name, "%s:%d", alm_cuda_backend_name, index);
    if (alm_gpu_facts_get(index, &f) != ALM_OK) {
        alm_sink_print(out, "%-9s %s\n", name, alm_error_message());
        return false;
    }
    const bool works = alm_target_open_cuda(index, &target) == ALM_OK;
    alm_target_close(target);
    alm_sink_print(out,
                   "%-9s %s, compute capability %d.%d, %d multiprocessors, %d MHz at most, L2 %.0f "
                   "MiB, %.1f of %.1f GiB free%s%s\n",
                   name, f.name, f.arch / 10, f.arch % 10, f.multiprocessors, f.clock_mhz,
                   (double)f.l2_bytes / (1 << 20), (double)f.free_bytes / GIB,
                   (double)f.memory_bytes / GIB,
                   works ? "" : "; cannot be used: ", works ? "" : alm_error_message());
    return works;
}

alm_status alm_inspect_devices(alm_write_fn *write, void *context)
{
    alm_sink out = {.write = write, .context = context};
    const alm_cuda_facts facts = alm_cuda_facts_get();
    const int arch = alm_cpu_arch(), count = alm_cuda_device_count();
    int first = -1;
    alm_sink_print(&out, "%-9s %s, %d threads\n", "cpu", cpu_name(arch), alm_core_count());
    print_cuda(&out, &facts);
    for (int i = 0; i < count; i++) {
        first = print_gpu(&out, i) && first < 0 ? i : first;
    }
    if (first < 0) {
        alm_sink_print(&out, "%-9s takes the CPU\n", "auto");
    } else {
        alm_sink_print(&out, "%-9s takes %s:%d\n", "auto", alm_cuda_backend_name, first);
    }
    alm_error_clear();
    return alm_sink_flush(&out);
}
