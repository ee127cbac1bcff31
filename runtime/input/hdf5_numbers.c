/* The library converts byte orders, odd widths and odd floating point formats to C's types; what
 * follows is C's own conversion, because the library's to float32 makes infinities of numbers that
 * round to the largest one.
 */
#include "runtime/input/hdf5_numbers.h"

#include <string.h>

static hid_t memory_type(almi_number kind)
{
    switch (kind) {
    case ALMI_U8: return H5T_NATIVE_UINT8;
    case ALMI_I8: return H5T_NATIVE_INT8;
    case ALMI_U16: return H5T_NATIVE_UINT16;
    case ALMI_I16: return H5T_NATIVE_INT16;
    case ALMI_U32: return H5T_NATIVE_UINT32;
    case ALMI_I32: return H5T_NATIVE_INT32;
    case ALMI_U64: return H5T_NATIVE_UINT64;
    case ALMI_I64: return H5T_NATIVE_INT64;
    case ALMI_F32: return H5T_NATIVE_FLOAT;
    case ALMI_F64: return H5T_NATIVE_DOUBLE;
    case ALMI_FLONG: break;
    }
    return H5T_NATIVE_LDOUBLE;
}

/* One line for each type: CASE(kind, its C type, the type to compare in). */
#define EACH_NUMBER(CASE)                                                                          \
    CASE(ALMI_U8, uint8_t, double)                                                                 \
    CASE(ALMI_I8, int8_t, double)                                                                  \
    CASE(ALMI_U16, uint16_t, double)                                                               \
    CASE(ALMI_I16, int16_t, double)                                                                \
    CASE(ALMI_U32, uint32_t, double)                                                               \
    CASE(ALMI_I32, int32_t, double)                                                                \
    CASE(ALMI_U64, uint64_t, double)                                                               \
    CASE(ALMI_I64, int64_t, double)                                                                \
    CASE(ALMI_F32, float, double)                                                                  \
    CASE(ALMI_F64, double, double)                                                                 \
    CASE(ALMI_FLONG, long double, long double)

size_t almi_number_bytes(almi_number kind)
{
    switch (kind) {
#define CASE(KIND, type, wide)                                                                     \
    case KIND: return sizeof(type);
        EACH_NUMBER(CASE)
#undef CASE
    }
    return 1;
}

void almi_numbers_to_float(almi_number kind, const void *in, size_t count, float *out)
{
    switch (kind) {
#define CASE(KIND, type, wide)                                                                     \
    case KIND:                                                                                     \
        for (size_t i = 0; i < count; i++) {                                                       \
            out[i] = (float)((const type *)in)[i];                                                 \
        }                                                                                          \
        break;
        EACH_NUMBER(CASE)
#undef CASE
    }
}

size_t almi_numbers_to_byte(almi_number kind, const void *in, size_t count, uint8_t *out)
{
    switch (kind) {
#define CASE(KIND, type, wide)                                                                     \
    case KIND:                                                                                     \
        for (size_t i = 0; i < count; i++) {                                                       \
            const wide value = (wide)((const type *)in)[i];                                        \
            if (!(value >= 0 && value <= 255)) {                                                   \
                return i;                                                                          \
            }                                                                                      \
            out[i] = (uint8_t)value;                                                               \
        }                                                                                          \
        break;
        EACH_NUMBER(CASE)
#undef CASE
    }
    return count;
}

double almi_number_at(almi_number kind, const void *in, size_t index)
{
    switch (kind) {
#define CASE(KIND, type, wide)                                                                     \
    case KIND: return (double)((const type *)in)[index];
        EACH_NUMBER(CASE)
#undef CASE
    }
    return 0;
}

static bool is_bool(hid_t type)
{
    char name[2][8];
    signed char value[2][16] = {{0}}; /* an enumeration of more than 16 bytes has other numbers */
    if (H5Tget_nmembers(type) != 2 || H5Tget_size(type) > sizeof value[0]) {
        return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        char *member = H5Tget_member_name(type, i);
        name[i][0] = '\0';
        if (member && strlen(member) < sizeof name[i]) {
            memcpy(name[i], member, strlen(member) + 1);
        }
        H5free_memory(member);
        if (H5Tget_member_value(type, i, value[i]) < 0) {
            return false;
        }
    }
    return strcmp(name[0], "FALSE") == 0 && strcmp(name[1], "TRUE") == 0;
}

static alm_status classify_integer(hid_t type, const almi_place *place, almi_number *out)
{
    const size_t bytes = H5Tget_size(type);
    const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
    if (bytes == 0 || bytes > 8) {
        return almi_place_fail(place, "holds integers of %zu bytes, more than 8", bytes);
    }
    const int row = bytes <= 1 ? 0 : bytes <= 2 ? 1 : bytes <= 4 ? 2 : 3;
    *out = (almi_number)(2 * row + (is_signed ? 1 : 0));
    return ALM_OK;
}

static alm_status classify(hid_t type, const almi_place *place, almi_numbers *out)
{
    const H5T_class_t kind = H5Tget_class(type);
    if (kind == H5T_FLOAT) {
        const bool is_single =
            H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F32BE) > 0;
        out->kind = is_single ? ALMI_F32 : H5Tget_size(type) <= 8 ? ALMI_F64 : ALMI_FLONG;
        return ALM_OK;
    }
    if (kind == H5T_INTEGER) {
        return classify_integer(type, place, &out->kind);
    }
    if (kind == H5T_ENUM) {
        out->is_bool = is_bool(type);
        const hid_t base = H5Tget_super(type);
        const alm_status status = classify_integer(base, place, &out->kind);
        H5Tclose(base);
        return status;
    }
    return almi_place_fail(place, "holds %s, expected numbers", almi_hdf5_class_name(kind));
}

static alm_status look_at(almi_numbers *n, const almi_place *place, int rank)
{
    const hid_t type = H5Dget_type(n->dataset);
    if (type < 0) {
        return almi_hdf5_fail(place, "cannot be read");
    }
    const alm_status status = classify(type, place, n);
    H5Tclose(type);
    ALM_TRY(status);
    const hid_t space = H5Dget_space(n->dataset);
    const bool is_simple = space >= 0 && H5Sget_simple_extent_type(space) == H5S_SIMPLE;
    n->rank = is_simple ? H5Sget_simple_extent_ndims(space) : 0;
    const bool fits =
        is_simple && n->rank == rank && H5Sget_simple_extent_dims(space, n->size, NULL) == rank;
    H5Sclose(space);
    if (!fits) {
        return almi_place_fail(place, "has %d dimensions, expected %d", n->rank, rank);
    }
    for (int i = 0; i < rank; i++) {
        if (n->size[i] > INT32_MAX) {
            return almi_place_fail(place, "dimension %d is %llu, more than %d", i,
                                   (unsigned long long)n->size[i], INT32_MAX);
        }
    }
    return ALM_OK;
}

alm_status almi_numbers_open(const almi_hdf5 *file, hid_t group, const almi_place *place, int rank,
                             almi_numbers *out)
{
    almi_numbers n = {0};
    ALM_TRY(almi_hdf5_dataset(file, group, place, &n.dataset));
    const alm_status status = look_at(&n, place, rank);
    if (status != ALM_OK) {
        H5Dclose(n.dataset);
        return status;
    }
    *out = n;
    return ALM_OK;
}

alm_status almi_numbers_read(const almi_numbers *numbers, const almi_place *place, void *out)
{
    if (H5Dread(numbers->dataset, memory_type(numbers->kind), H5S_ALL, H5S_ALL, H5P_DEFAULT, out) <
        0) {
        return almi_hdf5_read_failed(numbers->dataset, place);
    }
    return ALM_OK;
}
