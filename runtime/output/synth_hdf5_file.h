/* A file of ours as a driver of libhdf5: what it writes goes to an alm_file_write. After the first
 * failure everything is swallowed; alm_hdf5_driver_status tells.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_HDF5_FILE_H
#define ALM_RUNTIME_OUTPUT_SYNTH_HDF5_FILE_H

#include <hdf5.h>

#include "runtime/output/file_write.h"

enum { ALM_HDF5_FAULT_TEXT = 512 };

/* Must outlive the file that libhdf5 opens over it. */
typedef struct alm_hdf5_target {
    alm_file_write *file;
    alm_status status;               /* of the first operation that failed */
    char error[ALM_HDF5_FAULT_TEXT]; /* its text */
} alm_hdf5_target;

/* Makes the file access property list `fapl` create its file over the target. Returns the driver,
 * to be given to H5FDunregister when the file is closed; negative: libhdf5 refused. */
hid_t alm_hdf5_target_use(hid_t fapl, alm_hdf5_target *target);

#endif
