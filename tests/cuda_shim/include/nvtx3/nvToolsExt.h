/* Stands in for the toolkit's NVTX: ranges are kept for tests (cuda_shim_control.h). Only what we
 * call; the fields of the attributes that we do not set are not there. */
#ifndef ALM_CUDA_SHIM_NVTX_H
#define ALM_CUDA_SHIM_NVTX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nvtxDomain *nvtxDomainHandle_t;

typedef union nvtxMessage {
    const char *ascii;
} nvtxMessage;

typedef struct nvtxEventAttributes_t {
    uint16_t version, size;
    uint32_t category;
    int32_t messageType;
    nvtxMessage message;
} nvtxEventAttributes_t;

#define NVTX_VERSION 3
#define NVTX_EVENT_ATTRIB_STRUCT_SIZE ((uint16_t)sizeof(nvtxEventAttributes_t))
#define NVTX_MESSAGE_TYPE_ASCII 1

nvtxDomainHandle_t nvtxDomainCreateA(const char *name);
void nvtxDomainNameCategoryA(nvtxDomainHandle_t domain, uint32_t category, const char *name);
int nvtxDomainRangePushEx(nvtxDomainHandle_t domain, const nvtxEventAttributes_t *attributes);
int nvtxDomainRangePop(nvtxDomainHandle_t domain);

#ifdef __cplusplus
}
#endif

#endif
