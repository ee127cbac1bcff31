/* Samples, plans and splits into an HDF5 file (synth_hdf5.h). */
#include "runtime/output/synth_hdf5.h"

#ifdef ALM_HAS_HDF5

#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/output/synth_hdf5_file.h"

/* The level with which pages were compressed, for the record: readers do not need it. */
enum { LEVEL = 1, NAMES_AT_ONCE = 1024, MOST_LINKS_COMPACT = 16 };

struct alm_synth_hdf5 {
    alm_hdf5_target target;
    char *path;
    char reason[ALM_HDF5_FAULT_TEXT]; /* what libhdf5 said of its first failure */
    hid_t driver, file, objs, split, plans;
    hid_t group, plain, page; /* property lists that create groups, whole datasets, pages */
};

/* libhdf5 prints its errors unless it is told not to, in each thread by itself. */
typedef struct silence {
    H5E_auto2_t function;
    void *data;
} silence;

static silence be_silent(void)
{
    silence s = {0};
    H5Eget_auto2(H5E_DEFAULT, &s.function, &s.data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return s;
}

static void end_silence(silence s)
{
    H5Eset_auto2(H5E_DEFAULT, s.function, s.data);
}

static herr_t take_text(unsigned n, const H5E_error2_t *error, void *text)
{
    if (n == 0 && error->desc) {
        strncpy(text, error->desc, ALM_HDF5_FAULT_TEXT - 1);
    }
    return 0;
}

/* Looks at the outcome of a call of libhdf5 before the next call, which clears what it said. */
static bool went_well(alm_synth_hdf5 *f, bool good)
{
    if (!good && !f->reason[0]) {
        H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_text, f->reason);
    }
    return good;
}

/* What went wrong: our file's reason, else what libhdf5 said. */
static alm_status check(const alm_synth_hdf5 *f, bool good, const char *what)
{
    if (f->target.status != ALM_OK) {
        return alm_fail(f->target.status, "%s", f->target.error);
    }
    return good ? ALM_OK
                : alm_fail(ALM_STATUS_OUTPUT, "%s: libhdf5 could not write %s: %s", f->path, what,
                           f->reason[0] ? f->reason : "no reason given");
}

/* ---- Datasets -------------------------------------------------------------------------------- */

static bool write_whole(alm_synth_hdf5 *f, hid_t where, const char *name, hid_t type, int rank,
                        const hsize_t *dims, const void *data)
{
    const hid_t space = rank > 0 ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    const hid_t set = H5Dcreate2(where, name, type, space, H5P_DEFAULT, f->plain, H5P_DEFAULT);
    const bool good =
        went_well(f, set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
    return good;
}

/* Strings of a fixed number of bytes, filled up with NULs. */
static hid_t string_type(size_t bytes)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, bytes) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

static bool write_text(alm_synth_hdf5 *f, hid_t where, const char *name, const char *text)
{
    const hid_t type = string_type(strlen(text) + (text[0] == '\0'));
    const bool good = write_whole(f, where, name, type, 0, NULL, text);
    H5Tclose(type);
    return good;
}

static bool write_cloud(alm_synth_hdf5 *f, hid_t where, const char *name, const float *points,
                        int count)
{
    const hsize_t dims[2] = {(hsize_t)count, 3};
    return write_whole(f, where, name, H5T_IEEE_F32LE, 2, dims, points);
}

/* The page is one chunk, which was compressed already. */
static bool write_page(alm_synth_hdf5 *f, hid_t where, const char *name, const alm_synth_record *r,
                       alm_synth_page page)
{
    const hsize_t side = (hsize_t)r->page_side, dims[3] = {side, side, 3}, at[3] = {0, 0, 0};
    if (!r->page[page]) {
        return true;
    }
    const hid_t space = H5Screate_simple(3, dims, NULL);
    const hid_t properties = H5Pcopy(f->page);
    hid_t set = -1;
    if (H5Pset_chunk(properties, 3, dims) >= 0 && H5Pset_deflate(properties, LEVEL) >= 0) {
        set = H5Dcreate2(where, name, H5T_STD_U8LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    }
    const bool good =
        went_well(f, set >= 0 && H5Dwrite_chunk(set, H5P_DEFAULT, 0, at, r->page_bytes[page],
                                                r->page[page]) >= 0);
    H5Dclose(set);
    H5Pclose(properties);
    H5Sclose(space);
    return good;
}

alm_status alm_synth_hdf5_sample(alm_synth_hdf5 *f, const alm_synth_record *r)
{
    static const char *const names[ALM_SYNTH_PAGES] = {
        [ALM_SYNTH_PAGE_BASE_FREESTYLE] = "image_base_freestyle",
        [ALM_SYNTH_PAGE_ASSEMBLE_FREESTYLE] = "image_assemble_freestyle",
        [ALM_SYNTH_PAGE_BASE_LINEART] = "image_base_lineart",
        [ALM_SYNTH_PAGE_ASSEMBLE_LINEART] = "image_assemble_lineart"};
    const silence s = be_silent();
    const hid_t group = H5Gcreate2(f->objs, r->key, H5P_DEFAULT, f->group, H5P_DEFAULT);
    bool good =
        went_well(f, group >= 0) && write_cloud(f, group, "partA-pc", r->moving, r->moving_points);
    good = good && write_cloud(f, group, "base_partB-pc", r->fixed, r->fixed_points);
    for (int page = 0; page < ALM_SYNTH_PAGES; page++) {
        good = good && write_page(f, group, names[page], r, (alm_synth_page)page);
    }
    good = good && write_text(f, group, "category", r->category);
    good = good && write_text(f, group, "instruction", r->instruction);
    const alm_status status = check(f, good, r->key);
    H5Gclose(group);
    end_silence(s);
    return status;
}

/* ---- Lists of names -------------------------------------------------------------------------- */

alm_status alm_synth_hdf5_plan(alm_synth_hdf5 *f, const char *name,
                               const char (*key)[ALM_SYNTH_NAME], int count)
{
    const silence s = be_silent();
    const hsize_t dims[1] = {(hsize_t)count};
    const hid_t type = string_type(ALM_SYNTH_NAME);
    const alm_status status = check(f, write_whole(f, f->plans, name, type, 1, dims, key), name);
    H5Tclose(type);
    end_silence(s);
    return status;
}

static bool write_names(alm_synth_hdf5 *f, hid_t set, hid_t type, hsize_t from, hsize_t count,
                        const void *names)
{
    const hid_t memory = H5Screate_simple(1, &count, NULL), space = H5Dget_space(set);
    const bool good =
        went_well(f, H5Sselect_hyperslab(space, H5S_SELECT_SET, &from, NULL, &count, NULL) >= 0 &&
                         H5Dwrite(set, type, memory, space, H5P_DEFAULT, names) >= 0);
    H5Sclose(memory);
    H5Sclose(space);
    return good;
}

alm_status alm_synth_hdf5_split(alm_synth_hdf5 *f, const char *name, uint64_t count,
                                alm_synth_name_fn *next, void *context)
{
    char(*names)[ALM_SYNTH_NAME];
    ALM_TRY(alm_alloc(NAMES_AT_ONCE, ALM_SYNTH_NAME, "names of a split", &names));
    const silence s = be_silent();
    const hsize_t dims[1] = {count};
    const hid_t type = string_type(ALM_SYNTH_NAME), space = H5Screate_simple(1, dims, NULL);
    const hid_t set = H5Dcreate2(f->split, name, type, space, H5P_DEFAULT, f->plain, H5P_DEFAULT);
    bool good = went_well(f, set >= 0);
    for (uint64_t from = 0; good && from < count; from += NAMES_AT_ONCE) {
        const uint64_t left = count - from, n = left < NAMES_AT_ONCE ? left : NAMES_AT_ONCE;
        for (uint64_t i = 0; i < n; i++) {
            memset(names[i], 0, ALM_SYNTH_NAME);
            next(context, names[i]);
        }
        good = write_names(f, set, type, from, n, names);
    }
    const alm_status status = check(f, good, name);
    H5Dclose(set);
    H5Sclose(space);
    H5Tclose(type);
    end_silence(s);
    alm_free(names);
    return status;
}

/* ---- File ------------------------------------------------------------------------------------ */

static bool write_attribute(alm_synth_hdf5 *f, hid_t where, const char *name, hid_t type,
                            const void *value)
{
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(where, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool good = went_well(f, attribute >= 0 && H5Awrite(attribute, type, value) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    return good;
}

static bool make_properties(alm_synth_hdf5 *f)
{
    f->group = H5Pcreate(H5P_GROUP_CREATE);
    f->plain = H5Pcreate(H5P_DATASET_CREATE);
    f->page = H5Pcreate(H5P_DATASET_CREATE);
    return went_well(f, H5Pset_obj_track_times(f->group, 0) >= 0 &&
                            H5Pset_link_phase_change(f->group, MOST_LINKS_COMPACT,
                                                     MOST_LINKS_COMPACT / 2) >= 0 &&
                            H5Pset_obj_track_times(f->plain, 0) >= 0 &&
                            H5Pset_fill_time(f->plain, H5D_FILL_TIME_NEVER) >= 0 &&
                            H5Pset_obj_track_times(f->page, 0) >= 0 &&
                            H5Pset_fill_time(f->page, H5D_FILL_TIME_NEVER) >= 0);
}

static bool create_file(alm_synth_hdf5 *f)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE);
    bool good = H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
                H5Pset_obj_track_times(creation, 0) >= 0;
    if (good) {
        f->driver = alm_hdf5_target_use(access, &f->target);
        good = f->driver >= 0;
    }
    if (good) {
        f->file = H5Fcreate(f->path, H5F_ACC_TRUNC, creation, access);
    }
    good = went_well(f, good && f->file >= 0);
    H5Pclose(access);
    H5Pclose(creation);
    return good;
}

static bool fill_root(alm_synth_hdf5 *f, const char *generator, uint64_t seed)
{
    f->split = H5Gcreate2(f->file, "split", H5P_DEFAULT, f->group, H5P_DEFAULT);
    f->objs = H5Gcreate2(f->file, "objs", H5P_DEFAULT, f->group, H5P_DEFAULT);
    f->plans = H5Gcreate2(f->file, "plans", H5P_DEFAULT, f->group, H5P_DEFAULT);
    const hid_t text = string_type(strlen(generator));
    const bool good = went_well(f, f->split >= 0 && f->objs >= 0 && f->plans >= 0) &&
                      write_attribute(f, f->file, "generator", text, generator) &&
                      write_attribute(f, f->file, "seed", H5T_STD_U64LE, &seed);
    H5Tclose(text);
    return good;
}

alm_status alm_synth_hdf5_begin(const char *path, const char *generator, uint64_t seed,
                                alm_synth_hdf5 **out)
{
    alm_synth_hdf5 *f;
    ALM_TRY(alm_calloc(1, sizeof *f, "an HDF5 file", &f));
    f->driver = f->file = f->objs = f->split = f->plans = f->group = f->plain = f->page = -1;
    alm_status status = alm_strdup(path, "path", &f->path);
    if (status == ALM_OK) {
        status = alm_file_write_begin(path, &f->target.file);
    }
    if (status == ALM_OK) {
        const silence s = be_silent();
        status = check(f, make_properties(f) && create_file(f) && fill_root(f, generator, seed),
                       "the file");
        end_silence(s);
    }
    if (status != ALM_OK) {
        alm_synth_hdf5_end(f);
        return status;
    }
    *out = f;
    return ALM_OK;
}

static void close_id(hid_t *id, herr_t (*close)(hid_t))
{
    if (*id >= 0) {
        close(*id);
        *id = -1;
    }
}

/* Everything of libhdf5; false when it could not. */
static bool close_file(alm_synth_hdf5 *f)
{
    close_id(&f->objs, H5Gclose);
    close_id(&f->split, H5Gclose);
    close_id(&f->plans, H5Gclose);
    close_id(&f->group, H5Pclose);
    close_id(&f->plain, H5Pclose);
    close_id(&f->page, H5Pclose);
    const bool good = went_well(f, f->file < 0 || H5Fclose(f->file) >= 0);
    f->file = -1;
    close_id(&f->driver, H5FDunregister);
    return good;
}

alm_status alm_synth_hdf5_commit(alm_synth_hdf5 *f)
{
    const silence s = be_silent();
    const alm_status status = check(f, close_file(f), "its end");
    end_silence(s);
    return status == ALM_OK ? alm_file_write_commit(f->target.file) : status;
}

void alm_synth_hdf5_end(alm_synth_hdf5 *f)
{
    if (!f) {
        return;
    }
    const silence s = be_silent();
    close_file(f);
    end_silence(s);
    alm_file_write_end(f->target.file);
    alm_free(f->path);
    alm_free(f);
}

#else

static alm_status refuse(void)
{
    return alm_fail(ALM_STATUS_USAGE, "this build has no HDF5");
}

alm_status alm_synth_hdf5_begin(const char *path, const char *generator, uint64_t seed,
                                alm_synth_hdf5 **out)
{
    (void)path;
    (void)generator;
    (void)seed;
    (void)out;
    return refuse();
}

alm_status alm_synth_hdf5_sample(alm_synth_hdf5 *file, const alm_synth_record *record)
{
    (void)file;
    (void)record;
    return refuse();
}

alm_status alm_synth_hdf5_plan(alm_synth_hdf5 *file, const char *name,
                               const char (*key)[ALM_SYNTH_NAME], int count)
{
    (void)file;
    (void)name;
    (void)key;
    (void)count;
    return refuse();
}

alm_status alm_synth_hdf5_split(alm_synth_hdf5 *file, const char *name, uint64_t count,
                                alm_synth_name_fn *next, void *context)
{
    (void)file;
    (void)name;
    (void)count;
    (void)next;
    (void)context;
    return refuse();
}

alm_status alm_synth_hdf5_commit(alm_synth_hdf5 *file)
{
    (void)file;
    return refuse();
}

void alm_synth_hdf5_end(alm_synth_hdf5 *file)
{
    (void)file;
}

#endif
