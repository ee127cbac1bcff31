/* NVTX ranges, seen by Nsight: domain "assemlm", the categories of the stages. Without the toolkit
 * they compile to nothing. */
#ifndef ALM_RUNTIME_CUDA_NVTX_H
#define ALM_RUNTIME_CUDA_NVTX_H

#if defined(ALM_CUDA_SHIM) || !defined(ALM_HAS_NVTX)

static inline void alm_nvtx_begin(const char *category, const char *name)
{
    (void)category;
    (void)name;
}

static inline void alm_nvtx_end(void)
{
}

#else

/* nvtx.c */
void alm_nvtx_begin(const char *category, const char *name);
void alm_nvtx_end(void);

#endif

#endif
