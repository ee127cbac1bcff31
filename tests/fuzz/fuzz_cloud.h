/* What the fuzz targets for clouds share: whatever is accepted must pass the checks again, and must
 * have a mean and 1,024 finite points.
 */
#ifndef ALM_TESTS_FUZZ_FUZZ_CLOUD_H
#define ALM_TESTS_FUZZ_FUZZ_CLOUD_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/input/cloud.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_check_cloud(const alm_cloud *cloud)
{
    if (alm_cloud_check(cloud->xyz, cloud->count, "fuzz") != ALM_OK) {
        abort();
    }
    static float out[3 * 1024];
    double mean[3];
    alm_cloud_mean(cloud->xyz, cloud->count, mean);
    alm_cloud_resample(cloud->xyz, cloud->count, mean, 1024, out);
    for (int i = 0; i < 3 * 1024; i++) {
        if (!isfinite(out[i])) {
            abort();
        }
    }
}

/* begin: bytes that the input is made to start with, so that it stays with one reader. */
static inline void fuzz_cloud(const uint8_t *data, size_t size, const char *begin)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        return;
    }
    memcpy(copy, data, size);
    memcpy(copy, begin, size < strlen(begin) ? size : strlen(begin));
    alm_cloud cloud = {0};
    const alm_status status = alm_cloud_decode(copy, size, "fuzz", &cloud);
    if (status == ALM_OK) {
        fuzz_check_cloud(&cloud);
        alm_cloud_free(&cloud);
    } else if (status != ALM_STATUS_SAMPLE || cloud.xyz) {
        abort();
    }
    free(copy);
}

#endif
