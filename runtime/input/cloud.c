/* Which format a cloud has, told by its first bytes or else by its name, the checks that hold for
 * all formats, and what the model does to a cloud: mean and resampling (assemlm2.md 1, 5). */
#include "runtime/input/cloud.h"

#include <strings.h>

#include "graph/models/config.h"
#include "kernels/core/memory.h"
#include "runtime/input/cloud_parts.h"

typedef struct other_format {
    const char *extension; /* NULL: by content only */
    const char *magic;     /* NULL: by extension only */
    size_t count;          /* bytes of magic */
    const char *format, *hint;
} other_format;

#define PDAL(extension) "pdal translate FILE." extension " FILE.ply"
#define MESH                                                                                       \
    "python3 -c \"import numpy, trimesh; numpy.save('FILE.npy', "                                  \
    "trimesh.load('FILE', force='mesh').sample(10000).astype('f4'))\""
#define ARRAYS                                                                                     \
    "python3 -c \"import numpy; a = numpy.load('FILE.npz'); "                                      \
    "numpy.save('FILE.npy', a[a.files[0]])\""

static const other_format refused[] = {
    {".pcd", "# .PCD", 6, "PCD", PDAL("pcd")},
    {NULL, "VERSION .7", 10, "PCD", PDAL("pcd")},
    {NULL, "VERSION 0.7", 11, "PCD", PDAL("pcd")},
    {".las", "LASF", 4, "LAS", PDAL("las")},
    {".laz", NULL, 0, "LAZ", PDAL("laz")},
    {".e57", "ASTM-E57", 8, "E57", PDAL("e57")},
    {".npz", "PK\3\4", 4, "NPZ or another zip archive", ARRAYS},
    {".npz", "PK\5\6", 4, "NPZ or another zip archive", ARRAYS},
    {".stl", "solid ", 6, "STL", MESH},
    {".obj", NULL, 0, "OBJ", MESH},
    {".off", "OFF", 3, "OFF", MESH},
    {".glb", "glTF", 4, "glTF", MESH},
    {".gltf", NULL, 0, "glTF", MESH},
    {".step", "ISO-10303-21", 12, "STEP", "gmsh -2 FILE.step -format stl -o FILE.stl"},
    {".stp", "ISO-10303-21", 12, "STEP", "gmsh -2 FILE.step -format stl -o FILE.stl"},
    {".h5", "\x89HDF", 4, "HDF5", "h5dump -d DATASET -b -o FILE.bin FILE.h5"},
    {".hdf5", "\x89HDF", 4, "HDF5", "h5dump -d DATASET -b -o FILE.bin FILE.h5"},
    {NULL, "\x1F\x8B", 2, "gzip", "gunzip FILE.gz"},
    {NULL, "\x89PNG", 4, "PNG, a picture", "nothing can"},
    {NULL, "\xFF\xD8\xFF", 3, "JPEG, a picture", "nothing can"},
};

static bool starts(const uint8_t *data, size_t bytes, const char *what, size_t count)
{
    return bytes >= count && memcmp(data, what, count) == 0;
}

static bool ends_with(const char *name, const char *extension)
{
    const size_t n = strlen(name), e = strlen(extension);
    return n >= e && strcasecmp(name + n - e, extension) == 0;
}

/* Binary STL has no magic: 80 bytes of anything, a count, 50 bytes a triangle. */
static bool is_binary_stl(const uint8_t *data, size_t bytes)
{
    if (bytes < 84 || (bytes - 84) % 50 != 0) {
        return false;
    }
    const uint64_t count = (uint64_t)data[80] | (uint64_t)data[81] << 8 | (uint64_t)data[82] << 16 |
                           (uint64_t)data[83] << 24;
    return (bytes - 84) / 50 == count;
}

static alm_status refuse_other(const uint8_t *data, size_t bytes, const char *name)
{
    const other_format *other = NULL;
    const size_t n = sizeof refused / sizeof refused[0];
    for (size_t i = 0; i < n && !other; i++) {
        if (refused[i].magic && starts(data, bytes, refused[i].magic, refused[i].count)) {
            other = &refused[i];
        }
    }
    for (size_t i = 0; i < n && !other; i++) {
        if (refused[i].extension && ends_with(name, refused[i].extension)) {
            other = &refused[i];
        }
    }
    static const other_format stl = {NULL, NULL, 0, "STL", MESH};
    if (!other && is_binary_stl(data, bytes)) {
        other = &stl;
    }
    if (other) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "cloud %s: is %s, expected NPY, PLY or XYZ text; what converts it: %s",
                        name, other->format, other->hint);
    }
    return ALM_OK;
}

alm_status almi_cloud_check_count(uint64_t count, const char *name)
{
    if (count < ALM_CLOUD_NEIGHBOURS) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: has %llu points, expected at least %d", name,
                        (unsigned long long)count, ALM_CLOUD_NEIGHBOURS);
    }
    if (count > ALM_CLOUD_LIMIT) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: has %llu points, more than %d", name,
                        (unsigned long long)count, ALM_CLOUD_LIMIT);
    }
    return ALM_OK;
}

alm_status almi_cloud_fail_point(const char *name, int64_t index, const double point[3])
{
    const long long number = index;
    for (int c = 0; c < 3; c++) {
        if (isnan(point[c])) {
            return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: point %lld is NaN (%c)", name, number,
                            "xyz"[c]);
        }
    }
    for (int c = 0; c < 3; c++) {
        if (isinf(point[c])) {
            return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: point %lld is infinite (%c)", name,
                            number, "xyz"[c]);
        }
    }
    int far = 0;
    for (int c = 1; c < 3; c++) {
        far = fabs(point[c]) > fabs(point[far]) ? c : far;
    }
    return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: point %lld has %c = %g, farther out than %g",
                    name, number, "xyz"[far], point[far], (double)ALM_CLOUD_FARTHEST);
}

alm_status alm_cloud_check(const float *xyz, int64_t count, const char *name)
{
    ALM_TRY(almi_cloud_check_count(count < 0 ? 0 : (uint64_t)count, name));
    for (int64_t i = 0; i < count; i++) {
        const double point[3] = {(double)xyz[3 * i], (double)xyz[3 * i + 1],
                                 (double)xyz[3 * i + 2]};
        float same[3];
        ALM_TRY(almi_cloud_store(name, i, point, same));
    }
    return ALM_OK;
}

alm_status alm_cloud_decode(const void *data, size_t bytes, const char *name, alm_cloud *out)
{
    const uint8_t *first = data;
    if (bytes == 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: is empty", name);
    }
    if (starts(first, bytes, "\x93NUMPY", 6)) {
        return almi_npy_decode(first, bytes, name, out);
    }
    if (starts(first, bytes, "ply\n", 4) || starts(first, bytes, "ply\r", 4)) {
        return almi_ply_decode(first, bytes, name, out);
    }
    ALM_TRY(refuse_other(first, bytes, name));
    return almi_xyz_decode(first, bytes, name, out);
}

alm_status alm_cloud_read(const char *path, alm_cloud *out)
{
    void *data;
    size_t bytes;
    const alm_status read = alm_file_read(path, ALM_CLOUD_FILE_BYTES, &data, &bytes);
    if (read != ALM_OK) {
        return read == ALM_STATUS_SAMPLE ? alm_fail_context(read, "cloud") : read;
    }
    const alm_status status = alm_cloud_decode(data, bytes, path, out);
    alm_free(data);
    return status;
}

void alm_cloud_free(alm_cloud *cloud)
{
    if (cloud) {
        alm_free(cloud->xyz);
        *cloud = (alm_cloud){0};
    }
}

void alm_cloud_mean(const float *xyz, int64_t count, double mean[3])
{
    double sum[3] = {0, 0, 0};
    for (int64_t i = 0; i < count; i++) {
        for (int c = 0; c < 3; c++) {
            sum[c] += (double)xyz[3 * i + c];
        }
    }
    for (int c = 0; c < 3; c++) {
        mean[c] = sum[c] / (double)count;
    }
}

void alm_cloud_resample(const float *xyz, int64_t count, const double center[3], int64_t n,
                        float *out)
{
    /* numpy's linspace is i·step with the last element set to the end, which rint makes it here. */
    const double step = n > 1 ? (double)(count - 1) / (double)(n - 1) : 0;
    for (int64_t i = 0; i < n; i++) {
        const float *point = xyz + 3 * (int64_t)rint((double)i * step);
        for (int c = 0; c < 3; c++) {
            out[3 * i + c] = (float)((double)point[c] - center[c]);
        }
    }
}
