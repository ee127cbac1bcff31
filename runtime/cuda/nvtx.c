/* NVTX through the toolkit's header-only library, which finds the profiler at run time; nothing
 * where the toolkit has none. */
#include "runtime/cuda/cuda_backend.h"
#include "runtime/ranges.h"

#ifndef ALM_HAS_NVTX

void alm_range_begin(const char *category, const char *name)
{
    (void)category;
    (void)name;
}

void alm_range_end(void)
{
}

void almi_cuda_name_stream(cudaStream_t stream, const char *name)
{
    (void)stream;
    (void)name;
}

#else

#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtCudaRt.h>
#include <string.h>

/* Categories are numbers with names; 0 is none. */
static const char *const categories[] = {NULL,     "io",       "preprocess", "tokenize", "vision",
                                         "points", "language", "head",       "comm",     "run"};

static nvtxDomainHandle_t domain;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void create_domain(void)
{
    domain = nvtxDomainCreateA("assemlm");
    for (uint32_t i = 1; i < sizeof categories / sizeof categories[0]; i++) {
        nvtxDomainNameCategoryA(domain, i, categories[i]);
    }
}

static uint32_t category_of(const char *name)
{
    for (uint32_t i = 1; i < sizeof categories / sizeof categories[0]; i++) {
        if (strcmp(categories[i], name) == 0) {
            return i;
        }
    }
    return 0;
}

void alm_range_begin(const char *category, const char *name)
{
    pthread_once(&once, create_domain);
    const nvtxEventAttributes_t attributes = {.version = NVTX_VERSION,
                                              .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
                                              .category = category_of(category),
                                              .messageType = NVTX_MESSAGE_TYPE_ASCII,
                                              .message.ascii = name};
    nvtxDomainRangePushEx(domain, &attributes);
}

void alm_range_end(void)
{
    pthread_once(&once, create_domain);
    nvtxDomainRangePop(domain);
}

void almi_cuda_name_stream(cudaStream_t stream, const char *name)
{
    nvtxNameCudaStreamA(stream, name);
}

#endif
