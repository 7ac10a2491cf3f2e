#include "cloud/admin_tokens.h"

#include "cloud/api/admin_api.h"
#include "cloud/audit.h"

#include <string.h>
#include <sys/stat.h>

bool admin_tokens_name_good(const char *name)
{
    size_t bytes = strlen(name);
    return bytes > 0 && bytes <= TOKENS_NAME_BYTES_MAX && strcmp(name, ADMIN_WHO_SOCKET) != 0 &&
           strcmp(name, AUDIT_AUTHORITY) != 0 &&
           bytes == strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
}

static int check_mode(const char *path, struct error_detail *ret_detail)
{
    struct stat status;
    if (path[0] == '\0' || (stat(path, &status) == 0 && (status.st_mode & 077) == 0))
        return 0;
    error_detail_set(ret_detail, "%s may be read or written by others than its owner; make it mode 0600",
                     path);
    return ERROR_FORBIDDEN;
}

int admin_tokens_read(const char *path, struct tokens *ret, struct error_detail *ret_detail)
{
    struct tokens tokens;
    int error = tokens_read(path, &tokens, ret_detail);
    if (error == 0)
        error = check_mode(path, ret_detail);
    for (size_t i = 0; i < tokens.count && error == 0; i++) {
        if (admin_tokens_name_good(tokens.list[i].name))
            continue;
        error_detail_set(
            ret_detail,
            "%s: the name of token %zu: letters, digits and . _ - only, and neither " ADMIN_WHO_SOCKET
            " nor " AUDIT_AUTHORITY,
            path, i + 1);
        error = ERROR_CONFIGURATION;
    }
    if (error == 0)
        *ret = tokens;
    return error;
}
