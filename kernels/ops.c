#include "kernels/core/op.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/env.h"

const alm_op_def *const alm_ops[] = {
#define ALM_OP(name) &alm_op_##name,
#include "kernels/ops.def"
#undef ALM_OP
    NULL,
};

#if defined(__x86_64__)
/* clang 14 does not know this one by name. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

static int find_arch(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c()) {
        const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
        return wide ? ALM_CPU_AVX512 : ALM_CPU_AVX2;
    }
#endif
    return ALM_CPU_GENERIC;
}

/* Asked once: under a hypervisor CPUID takes some ten microseconds. */
static int machine_arch(void)
{
    static atomic_int known = -1;
    int arch = atomic_load_explicit(&known, memory_order_relaxed);
    if (arch < 0) {
        arch = find_arch();
        atomic_store_explicit(&known, arch, memory_order_relaxed);
    }
    return arch;
}

int alm_cpu_arch(void)
{
    const int arch = machine_arch();
    const char *limit = alm_env_get("ASSEMLM_CPU_ISA");
    if (limit && strcmp(limit, "generic") == 0) {
        return ALM_CPU_GENERIC;
    }
    if (limit && strcmp(limit, "avx2") == 0 && arch > ALM_CPU_AVX2) {
        return ALM_CPU_AVX2;
    }
    return arch;
}

static bool is_listed(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = list; at && (at = strstr(at, name)) != NULL; at += n) {
        if ((at == list || at[-1] == ',') && (at[n] == ',' || at[n] == '\0')) {
            return true;
        }
    }
    return false;
}

const alm_kernel *alm_op_kernel(const alm_op_def *op, const alm_op_args *a,
                                const alm_device *device, const char *prefer)
{
    const alm_kernel *best = NULL;
    for (const alm_kernel *k = device->kernels ? device->kernels(op) : op->kernels; k->name; k++) {
        if (k->backend != device->backend || k->min_arch > device->arch ||
            (k->max_arch && k->max_arch < device->arch) || (k->accepts && !k->accepts(a))) {
            continue;
        }
        if (is_listed(prefer, k->name)) {
            return k;
        }
        best = best ? best : k;
    }
    return best;
}

alm_status alm_check_dtype(const char *op, const char *what, const alm_tensor *t, alm_dtype dtype)
{
    if (t->desc.dtype != dtype) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s is %s, expected %s", op, what,
                        alm_dtype_name(t->desc.dtype), alm_dtype_name(dtype));
    }
    return ALM_OK;
}

alm_status alm_check_operand(const char *op, const char *what, const alm_tensor *t)
{
    if (t->desc.dtype != ALM_DTYPE_F32 && t->desc.dtype != ALM_DTYPE_BF16) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s is %s, expected F32 or BF16", op, what,
                        alm_dtype_name(t->desc.dtype));
    }
    return ALM_OK;
}

alm_status alm_check_weight(const char *op, const char *what, const alm_tensor *t)
{
    ALM_TRY(alm_check_operand(op, what, t));
    return alm_check_packed(op, what, t);
}

alm_status alm_check_packed(const char *op, const char *what, const alm_tensor *t)
{
    if (!alm_is_packed(t)) {
        return alm_fail(ALM_STATUS_INTERNAL,
                        "%s: the rows of %s lie %lld elements apart, expected %lld", op, what,
                        (long long)t->stride, (long long)alm_desc_row(&t->desc));
    }
    return ALM_OK;
}

alm_status alm_check_shape(const char *op, const char *what, const alm_tensor *t, int rank,
                           const int64_t *dim)
{
    bool fits = t->desc.rank == rank;
    for (int i = 0; fits && i < rank; i++) {
        fits = dim[i] < 0 ? t->desc.dim[i] >= 0 : t->desc.dim[i] == dim[i];
    }
    if (fits) {
        return ALM_OK;
    }
    char have[ALM_DESC_TEXT], want[ALM_DESC_TEXT];
    int at = 0;
    want[0] = '\0';
    for (int i = 0; i < rank; i++) {
        const size_t room = sizeof want - (size_t)at;
        at += dim[i] < 0 ? snprintf(want + at, room, i ? ", *" : "*")
                         : snprintf(want + at, room, i ? ", %lld" : "%lld", (long long)dim[i]);
    }
    return alm_fail(ALM_STATUS_MODEL, "%s: %s is %s, expected [%s]", op, what,
                    alm_desc_text(&t->desc, have), want);
}
