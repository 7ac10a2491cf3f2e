#include "reader.h"

#include <string.h>
#include <strings.h>

bool reader_service_named(const struct reader_services *services, const char *service, size_t bytes)
{
    for (size_t i = 0; services != NULL && i < services->count; i++)
        if (strlen(services->names[i]) == bytes && strncasecmp(services->names[i], service, bytes) == 0)
            return true;
    return false;
}
