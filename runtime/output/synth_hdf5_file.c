/* A driver of libhdf5 over alm_file_write (synth_hdf5_file.h). */
#ifdef ALM_HAS_HDF5

#include "runtime/output/synth_hdf5_file.h"

#include <stdio.h>

#if H5_VERSION_GE(1, 13, 2)
#include <H5FDdevelop.h>
#endif

#include "kernels/core/memory.h"

typedef struct driver_file {
    H5FD_t base; /* libhdf5's own part, first */
    alm_hdf5_target *target;
    haddr_t allocated, end; /* end: of what was written */
} driver_file;

/* What the property list holds, copied with it. */
typedef struct driver_settings {
    alm_hdf5_target *target;
} driver_settings;

static void keep(alm_hdf5_target *target, alm_status status)
{
    if (status != ALM_OK && target->status == ALM_OK) {
        target->status = status;
        snprintf(target->error, sizeof target->error, "%s", alm_error_message());
    }
}

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t fapl, haddr_t most)
{
    const driver_settings *settings = H5Pget_driver_info(fapl);
    driver_file *file;
    (void)name;
    (void)flags;
    (void)most;
    if (!settings) {
        return NULL;
    }
    const alm_status status = alm_calloc(1, sizeof *file, "an HDF5 file", &file);
    keep(settings->target, status);
    if (status != ALM_OK) {
        return NULL;
    }
    file->target = settings->target;
    return &file->base;
}

static herr_t driver_close(H5FD_t *base)
{
    alm_free(base);
    return 0;
}

static int driver_compare(const H5FD_t *a, const H5FD_t *b)
{
    return a < b ? -1 : a > b;
}

static herr_t driver_query(const H5FD_t *base, unsigned long *flags)
{
    (void)base;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t driver_get_allocated(const H5FD_t *base, H5FD_mem_t type)
{
    (void)type;
    return ((const driver_file *)base)->allocated;
}

static herr_t driver_set_allocated(H5FD_t *base, H5FD_mem_t type, haddr_t at)
{
    (void)type;
    ((driver_file *)base)->allocated = at;
    return 0;
}

static haddr_t driver_get_end(const H5FD_t *base, H5FD_mem_t type)
{
    (void)type;
    return ((const driver_file *)base)->end;
}

static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t dxpl, haddr_t at, size_t bytes,
                          void *data)
{
    driver_file *file = (driver_file *)base;
    (void)type;
    (void)dxpl;
    const alm_status status = alm_file_write_read(file->target->file, at, data, bytes);
    keep(file->target, status);
    return status == ALM_OK ? 0 : -1;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t dxpl, haddr_t at, size_t bytes,
                           const void *data)
{
    driver_file *file = (driver_file *)base;
    (void)type;
    (void)dxpl;
    if (file->target->status == ALM_OK) {
        keep(file->target, alm_file_write_patch(file->target->file, at, data, bytes));
    }
    file->end = at + bytes > file->end ? at + bytes : file->end;
    return 0;
}

/* A file must be as long as what was allocated in it. */
static herr_t driver_truncate(H5FD_t *base, hid_t dxpl, hbool_t closing)
{
    const driver_file *file = (const driver_file *)base;
    (void)closing;
    if (file->allocated > file->end) {
        return driver_write(base, H5FD_MEM_DEFAULT, dxpl, file->allocated - 1, 1, "");
    }
    return 0;
}

static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 2)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)256, /* not a driver that others could name */
#endif
    .name = "assemlm",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(driver_settings),
    .open = driver_open,
    .close = driver_close,
    .cmp = driver_compare,
    .query = driver_query,
    .get_eoa = driver_get_allocated,
    .set_eoa = driver_set_allocated,
    .get_eof = driver_get_end,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t alm_hdf5_target_use(hid_t fapl, alm_hdf5_target *target)
{
    const driver_settings settings = {target};
    const hid_t id = H5FDregister(&driver);
    if (id >= 0 && H5Pset_driver(fapl, id, &settings) < 0) {
        H5FDunregister(id);
        return -1;
    }
    return id;
}

#else

typedef int alm_no_hdf5_file; /* a file of C must hold something */

#endif
