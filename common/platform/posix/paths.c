#include "../paths.h"

#include "common/error.h"

#include <string.h>

bool paths_absolute(const char *path)
{
    return path[0] == '/';
}

int paths_resolve(const char *path, char ret[PATH_MAX])
{
    size_t bytes = strlen(path) + 1;
    if (bytes > PATH_MAX)
        return ERROR_TOO_LARGE;
    memcpy(ret, path, bytes);
    return 0;
}
