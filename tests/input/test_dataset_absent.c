/* Builds without HDF5 say so in one line. */
#include "runtime/input/dataset.h"
#include "tests/shim/alm_test.h"

ALM_TEST(dataset_absent, says_so)
{
    alm_dataset *d = NULL;
    const char *path = alm_test_golden("assembench/data/assemlm_ikea.hdf5");
    ALM_CHECK_STATUS(alm_dataset_open(path, false, NULL, &d), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "this build has no HDF5");
    ALM_CHECK(!d);
}
