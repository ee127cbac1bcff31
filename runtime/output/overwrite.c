#include "runtime/output/overwrite.h"

#include <sys/stat.h>

alm_status alm_output_check(const char *path, bool force)
{
    struct stat info;
    if (!force && stat(path, &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) {
        return alm_fail(ALM_STATUS_OUTPUT, "%s exists; --force replaces it", path);
    }
    return ALM_OK;
}
