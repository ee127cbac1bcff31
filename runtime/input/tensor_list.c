/* The list that readers of containers fill (tensor_list.h). */
#include "runtime/input/tensor_list.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/utf8.h"

static alm_status check_name(const char *file, const char *name, size_t bytes)
{
    if (bytes == 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: a tensor has an empty name", file);
    }
    if (bytes > ALM_TENSOR_NAME_LIMIT) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: a tensor's name has %zu bytes, the limit is %d: %.40s", file, bytes,
                        ALM_TENSOR_NAME_LIMIT, name);
    }
    if (memchr(name, '\0', bytes) || alm_utf8_check(name, bytes) != bytes) {
        return alm_fail(ALM_STATUS_MODEL, "%s: a tensor's name is not UTF-8 text: %.*s", file,
                        (int)bytes, name);
    }
    return ALM_OK;
}

alm_status alm_tensor_list_add(alm_tensor_list *list, const char *file, const char *name,
                               size_t bytes, const alm_stored_tensor *tensor)
{
    static const char prefix[] = "module.";
    const size_t prefix_bytes = sizeof prefix - 1;
    if (bytes >= prefix_bytes && memcmp(name, prefix, prefix_bytes) == 0) {
        name += prefix_bytes;
        bytes -= prefix_bytes;
    }
    ALM_TRY(check_name(file, name, bytes));
    if (list->count >= ALM_TENSOR_COUNT_LIMIT) {
        return alm_fail(ALM_STATUS_MODEL, "%s: more than %d tensors", file, ALM_TENSOR_COUNT_LIMIT);
    }
    ALM_TRY(alm_reserve(list->count + 1, sizeof *list->tensor, "list of tensors", &list->tensor,
                        &list->capacity));
    char *copy;
    ALM_TRY(alm_alloc(bytes + 1, 1, "name of a tensor", &copy));
    memcpy(copy, name, bytes);
    copy[bytes] = '\0';
    list->tensor[list->count] = *tensor;
    list->tensor[list->count].name = copy;
    list->count++;
    return ALM_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const alm_stored_tensor *)a)->name, ((const alm_stored_tensor *)b)->name);
}

alm_status alm_tensor_list_sort(alm_tensor_list *list, size_t begin, const char *file)
{
    if (begin < list->count) {
        qsort(list->tensor + begin, list->count - begin, sizeof *list->tensor, by_name);
    }
    for (size_t i = begin + 1; i < list->count; i++) {
        if (by_name(&list->tensor[i - 1], &list->tensor[i]) == 0) {
            return alm_fail(ALM_STATUS_MODEL, "%s: tensor %s is there twice", file,
                            list->tensor[i].name);
        }
    }
    return ALM_OK;
}

void alm_stored_tensor_pack(alm_stored_tensor *tensor)
{
    int64_t stride = 1;
    for (int i = tensor->desc.rank - 1; i >= 0; i--) {
        tensor->stride[i] = stride;
        stride *= tensor->desc.dim[i];
    }
}

bool alm_stored_tensor_is_packed(const alm_stored_tensor *tensor)
{
    int64_t stride = 1;
    if (alm_desc_count(&tensor->desc) == 0) {
        return true;
    }
    for (int i = tensor->desc.rank - 1; i >= 0; i--) {
        /* The stride of a dimension of one element is never used. */
        if (tensor->desc.dim[i] != 1 && tensor->stride[i] != stride) {
            return false;
        }
        stride *= tensor->desc.dim[i];
    }
    return true;
}

void alm_tensor_list_free(alm_tensor_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        alm_free(list->tensor[i].name);
    }
    alm_free(list->tensor);
    *list = (alm_tensor_list){0};
}
