#include "../client_certificate.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool client_certificate_is_file(void)
{
    return true;
}

bool client_certificate_in_store(const char *name)
{
    (void)name;
    return false;
}

int client_certificate_find(const char *name, struct error_detail *ret_detail)
{
    if (access(name, R_OK) == 0)
        return 0;
    int number = errno;
    error_detail_set(ret_detail, "cannot read %s: %s", name, strerror(number));
    return error_from_errno(number);
}
