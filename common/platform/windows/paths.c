#include "../paths.h"

#include "common/error.h"
#include "wide.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <knownfolders.h>
#include <shlobj.h>

#define PROGRAM_DATA "%ProgramData%"

static bool is_break(char byte)
{
    return byte == '/' || byte == '\\';
}

/* What stands behind the folder's name; NULL: the path does not begin with it. */
static const char *in_program_data(const char *path)
{
    size_t bytes = strlen(PROGRAM_DATA);
    return _strnicmp(path, PROGRAM_DATA, bytes) == 0 && is_break(path[bytes]) ? path + bytes : NULL;
}

bool paths_absolute(const char *path)
{
    return (isalpha((unsigned char)path[0]) && path[1] == ':' && is_break(path[2])) ||
           (is_break(path[0]) && is_break(path[1])) || in_program_data(path);
}

/* To be freed with free(); NULL: Windows tells none. */
static char *program_data(void)
{
    wchar_t *wide = NULL;
    char *folder = NULL;
    if (SHGetKnownFolderPath(&FOLDERID_ProgramData, 0, NULL, &wide) == S_OK)
        folder = wide_to_utf8(wide);
    CoTaskMemFree(wide);
    return folder;
}

int paths_resolve(const char *path, char ret[PATH_MAX])
{
    char whole[PATH_MAX];
    const char *rest = in_program_data(path);
    char *folder = rest ? program_data() : NULL;
    if (rest && !folder)
        return ERROR_NOT_FOUND;
    int bytes = snprintf(whole, sizeof whole, "%s%s", folder ? folder : "", rest ? rest : path);
    free(folder);
    if (bytes < 0 || (size_t)bytes >= sizeof whole)
        return ERROR_TOO_LARGE;
    for (char *at = whole; *at; at++)
        *at = *at == '\\' ? '/' : *at;
    memcpy(ret, whole, (size_t)bytes + 1);
    return 0;
}
