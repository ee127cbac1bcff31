/* Stands in for hdf5_*.c in builds without the HDF5 library (ASSEMLM_HDF5=OFF): no file opens. */
#include "runtime/input/hdf5_file.h"

alm_status almi_hdf5_open(const char *path, bool lineart_first, size_t memory_bytes,
                          alm_dataset_info *info, almi_hdf5 **out)
{
    (void)path;
    (void)lineart_first;
    (void)memory_bytes;
    (void)info;
    (void)out;
    return alm_fail(ALM_STATUS_SAMPLE, "this build has no HDF5 (ASSEMLM_HDF5=ON builds with it)");
}

alm_status almi_hdf5_count_objects(const almi_hdf5 *file, int64_t *out)
{
    (void)file;
    (void)out;
    return alm_fail(ALM_STATUS_INTERNAL, "objs: this build has no HDF5");
}

alm_status almi_hdf5_list(almi_hdf5 *file, const char *split, almi_texts lists[ALMI_LISTS])
{
    (void)file;
    (void)lists;
    return alm_fail(ALM_STATUS_INTERNAL, "split %s: this build has no HDF5", split);
}

alm_status almi_hdf5_asset(almi_hdf5 *file, const char *key, unsigned parts, almi_asset *out)
{
    (void)file;
    (void)parts;
    (void)out;
    return alm_fail(ALM_STATUS_INTERNAL, "%s: this build has no HDF5", key);
}
