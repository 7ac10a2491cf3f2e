/* fuzz_config.c - anything as the resources file: it has texts, lists of texts, a choice and a list of
 * groups. */
#include "agent/resources.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* libconfig 1.5 leaks a little on bad input; it alone is let off. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_resource(void *data, const struct resource *resource)
{
    (void)data;
    require(resource->id[0] && resource->name[0] && (unsigned)resource->kind < KIND_MAX);
    require(resource->host_count <= RESOURCE_HOSTS_MAX &&
            resource->property_count <= RESOURCE_PROPERTIES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct resources *resources;
    struct error_detail detail = {""};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (resources_read(path, &resources, &detail) == 0) {
        resources_visible(resources, NULL, 0, check_resource, NULL);
        resources_destroy(resources);
    } else {
        require(detail.text[0]);
    }
    close(fd);
    return 0;
}
