/* What goes wrong in HDF5, in one line: the place in the file and the reason at the bottom of the
 * library's error stack. Also opening groups and datasets, because most of that is saying why not.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/hdf5_parts.h"

enum { REASON_BYTES = 256, NAME_SHOWN = 200 };

alm_status almi_place_fail(const almi_place *place, const char *format, ...)
{
    char text[ALM_DATASET_NAME_BYTES / 8];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *key = place->key ? place->key : "";
    return alm_fail(ALM_STATUS_SAMPLE, "%s%s%.*s%s%s%s: %s", place->group,
                    place->group[0] && key[0] ? "/" : "", NAME_SHOWN, key,
                    strlen(key) > NAME_SHOWN ? "..." : "", place->name ? "/" : "",
                    place->name ? place->name : "", text);
}

static herr_t keep_deepest(unsigned n, const H5E_error2_t *error, void *context)
{
    (void)n;
    char *out = context;
    if (out[0] == '\0' && error->desc) {
        snprintf(out, REASON_BYTES, "%s", error->desc);
    }
    return 0;
}

void almi_hdf5_reason(char *out, size_t bytes)
{
    char reason[REASON_BYTES] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_deepest, reason);
    snprintf(out, bytes, "%s", reason);
}

void almi_hdf5_forget(void)
{
    H5Eclear2(H5E_DEFAULT);
}

alm_status almi_hdf5_fail(const almi_place *place, const char *text)
{
    char reason[REASON_BYTES];
    almi_hdf5_reason(reason, sizeof reason);
    almi_hdf5_forget();
    return almi_place_fail(place, "%s%s%s", text, reason[0] ? ": " : "", reason);
}

const char *almi_hdf5_class_name(H5T_class_t kind)
{
    switch (kind) {
    case H5T_INTEGER: return "integers";
    case H5T_FLOAT: return "floating point numbers";
    case H5T_TIME: return "times";
    case H5T_STRING: return "strings";
    case H5T_BITFIELD: return "bit fields";
    case H5T_OPAQUE: return "opaque bytes";
    case H5T_COMPOUND: return "compounds";
    case H5T_REFERENCE: return "references";
    case H5T_ENUM: return "enumerated values";
    case H5T_VLEN: return "lists";
    case H5T_ARRAY: return "arrays";
    default: return "of an unknown type";
    }
}

/* Why what `expected` names could not be opened below `group`. */
static alm_status open_failed(hid_t group, const almi_place *place, const char *expected)
{
    char reason[REASON_BYTES];
    almi_hdf5_reason(reason, sizeof reason);
    H5L_info_t link;
    const char *name = place->name ? place->name : place->key;
    const htri_t exists = H5Lexists(group, name, H5P_DEFAULT);
    if (exists == 0) {
        return almi_place_fail(place, "is missing");
    }
    if (exists > 0 && H5Lget_info(group, name, &link, H5P_DEFAULT) >= 0) {
        if (link.type == H5L_TYPE_EXTERNAL) {
            return almi_place_fail(place, "is a link into another file, which is not followed");
        }
        if (link.type == H5L_TYPE_SOFT && H5Oexists_by_name(group, name, H5P_DEFAULT) == 0) {
            return almi_place_fail(place, "is a link to nothing");
        }
        if (link.type != H5L_TYPE_HARD && link.type != H5L_TYPE_SOFT) {
            return almi_place_fail(place, "is a user-defined link, which is not followed");
        }
        const hid_t object = H5Oopen(group, name, H5P_DEFAULT);
        const H5I_type_t type = object < 0 ? H5I_BADID : H5Iget_type(object);
        if (object >= 0) {
            H5Oclose(object);
        }
        const char *is = type == H5I_GROUP     ? "a group"
                         : type == H5I_DATASET ? "a dataset"
                                               : "a named type";
        if (object >= 0 && strcmp(is, expected) != 0) {
            return almi_place_fail(place, "is %s, expected %s", is, expected);
        }
    }
    almi_hdf5_forget();
    return almi_place_fail(place, "cannot be opened: %s", reason);
}

alm_status almi_hdf5_group(hid_t group, const almi_place *place, hid_t *out)
{
    const hid_t id = H5Gopen2(group, place->name ? place->name : place->key, H5P_DEFAULT);
    if (id < 0) {
        return open_failed(group, place, "a group");
    }
    *out = id;
    return ALM_OK;
}

/* The data lie in this file. Asked before anything else of a dataset, because even the extent of a
 * virtual one is looked up in other files. */
static alm_status check_storage(hid_t dataset, const almi_place *place)
{
    if (H5Dget_offset(dataset) != HADDR_UNDEF) {
        return ALM_OK; /* only data that lie in one piece of this file have an offset */
    }
    almi_hdf5_forget();
    const hid_t creation = H5Dget_create_plist(dataset);
    if (creation < 0) {
        return almi_hdf5_fail(place, "cannot be opened");
    }
    const H5D_layout_t layout = H5Pget_layout(creation);
    const int elsewhere = layout == H5D_CONTIGUOUS ? H5Pget_external_count(creation) : 0;
    H5Pclose(creation);
    if (layout == H5D_VIRTUAL) {
        return almi_place_fail(place, "is a virtual dataset, whose data may lie in other files, "
                                      "which are not read");
    }
    if (layout < 0 || elsewhere < 0) {
        return almi_hdf5_fail(place, "cannot be opened");
    }
    if (elsewhere > 0) {
        return almi_place_fail(place, "has its data in another file, which is not read");
    }
    return ALM_OK;
}

alm_status almi_hdf5_dataset(const almi_hdf5 *file, hid_t group, const almi_place *place,
                             hid_t *out)
{
    const hid_t id = H5Dopen2(group, place->name, file->access);
    if (id < 0) {
        return open_failed(group, place, "a dataset");
    }
    const alm_status status = check_storage(id, place);
    if (status != ALM_OK) {
        H5Dclose(id);
        return status;
    }
    *out = id;
    return ALM_OK;
}

alm_status almi_hdf5_read_failed(hid_t dataset, const almi_place *place)
{
    char reason[REASON_BYTES];
    almi_hdf5_reason(reason, sizeof reason);
    const hid_t creation = H5Dget_create_plist(dataset);
    const int filters = creation < 0 ? 0 : H5Pget_nfilters(creation);
    alm_status status = ALM_OK;
    for (int i = 0; i < filters && status == ALM_OK; i++) {
        unsigned flags, settings;
        size_t count = 0;
        char name[64] = "";
        const H5Z_filter_t id = H5Pget_filter2(creation, (unsigned)i, &flags, &count, NULL,
                                               sizeof name, name, &settings);
        if (id >= 0 && H5Zfilter_avail(id) == 0) {
            name[sizeof name - 1] = '\0';
            status = almi_place_fail(place,
                                     "is stored with filter %d%s%.40s%s, which is not built in; "
                                     "where HDF5 has it, this takes it off: h5repack -f NONE FILE "
                                     "NEW",
                                     (int)id, name[0] ? " (" : "", name, name[0] ? ")" : "");
        }
    }
    if (creation >= 0) {
        H5Pclose(creation);
    }
    almi_hdf5_forget();
    return status != ALM_OK ? status : almi_place_fail(place, "cannot be read: %s", reason);
}

alm_status almi_block_reserve(almi_block *block, size_t bytes, const char *what)
{
    if (bytes <= block->capacity) {
        return ALM_OK;
    }
    alm_free(block->data);
    *block = (almi_block){0};
    ALM_TRY(alm_alloc(bytes, 1, what, &block->data));
    block->capacity = bytes;
    return ALM_OK;
}
