/* Reads clouds of the golden HDF5 files with the library's C interface, independently of the
 * production reader. */
#ifndef ALM_TESTS_EVAL_HDF5_CLOUDS_H
#define ALM_TESTS_EVAL_HDF5_CLOUDS_H

#include <stdint.h>

typedef struct test_cloud {
    float *xyz; /* [points, 3]; free() it */
    int64_t points;
} test_cloud;

/* objs/<key>/partA-pc (moving) and base_partB-pc (fixed) of the file, rounded to float32. False
 * when the file has no such object; a test failure when it is not as expected. */
int test_read_clouds(const char *path, const char *key, test_cloud *moving, test_cloud *fixed);

#endif
