#include "tests/eval/hdf5_clouds.h"

#include <hdf5.h>
#include <stdlib.h>

#include "tests/shim/alm_test.h"

static test_cloud read_cloud(hid_t object, const char *name)
{
    test_cloud cloud = {0};
    const hid_t set = H5Dopen2(object, name, H5P_DEFAULT);
    const hid_t space = set >= 0 ? H5Dget_space(set) : -1;
    hsize_t size[2] = {0, 0};
    if (space >= 0 && H5Sget_simple_extent_ndims(space) == 2 &&
        H5Sget_simple_extent_dims(space, size, NULL) == 2 && size[1] == 3 && size[0] > 0) {
        cloud.points = (int64_t)size[0];
        cloud.xyz = malloc(size[0] * 3 * sizeof(float));
        if (!cloud.xyz ||
            H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, cloud.xyz) < 0) {
            free(cloud.xyz);
            cloud.xyz = NULL;
        }
    }
    if (!cloud.xyz) {
        ALM_FAIL("%s: not readable as [N, 3]", name);
    }
    H5Sclose(space);
    H5Dclose(set);
    return cloud;
}

int test_read_clouds(const char *path, const char *key, test_cloud *moving, test_cloud *fixed)
{
    char name[512];
    snprintf(name, sizeof name, "objs/%s", key);
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) {
        ALM_FAIL("%s: not readable", path);
        return 0;
    }
    const int found = H5Lexists(file, name, H5P_DEFAULT) > 0;
    if (found) {
        const hid_t object = H5Gopen2(file, name, H5P_DEFAULT);
        *moving = read_cloud(object, "partA-pc");
        *fixed = read_cloud(object, "base_partB-pc");
        H5Gclose(object);
    }
    H5Fclose(file);
    return found;
}
