/* State files of torch.save: a zip (zip.h) of a pickle (pickle.h) and one stored entry for each
 * storage. They are read as bytes that lie in memory (a mapped file); tensors are views.
 *
 * Of the pickle, only dictionaries, torch._utils._rebuild_tensor_v2, _rebuild_parameter and the
 * storages' names mean something; whatever else DeepSpeed puts beside the tensors stays unread.
 * Refused, by name: what zip.h and pickle.h refuse; no data.pkl or several; big-endian storages; a
 * data.pkl whose CRC is wrong; tensors of other kinds of storage, that leave their storage or whose
 * storage is not in the file or too small, or that view one value in several places; a name twice;
 * no tensors at all. The CRC of storages is not compared: reading 4 GB before the first pose would
 * take longer than loading does.
 */
#ifndef ALM_RUNTIME_INPUT_TORCH_ZIP_H
#define ALM_RUNTIME_INPUT_TORCH_ZIP_H

#include "runtime/input/tensor_list.h"

/* Appends the tensors of the state dictionary ({"module": {...}}, {"state_dict": {...}}, or bare),
 * sorted by name. On error the list may hold some of them. name: of the file, for messages. Errors:
 * ALM_STATUS_MODEL, ALM_STATUS_MEMORY. */
alm_status alm_torch_zip_parse(const void *data, size_t bytes, const char *name,
                               alm_tensor_list *list);

#endif
