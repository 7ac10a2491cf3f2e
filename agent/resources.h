/* resources.h - the published resources of resources.conf, and which of them a user may see
 * (farmgate-resources.conf(5)). */
#ifndef FARMGATE_AGENT_RESOURCES_H
#define FARMGATE_AGENT_RESOURCES_H

#include "agent/core/connection.h"
#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

#define RESOURCES_MAX           1024
#define RESOURCE_HOSTS_MAX      64
#define RESOURCE_GROUPS_MAX     32
#define RESOURCE_PROPERTIES_MAX 32

struct resource {
    char id[64];    /* [A-Za-z0-9._-], unique */
    char name[128]; /* shown to people */
    char description[256];
    char folder[128];
    enum connection_kind kind;
    char command[512];                   /* of an application */
    char hosts[RESOURCE_HOSTS_MAX][256]; /* none: every host of the farm */
    size_t host_count;
    char groups[RESOURCE_GROUPS_MAX][64]; /* none: everybody */
    size_t group_count;
    char properties[RESOURCE_PROPERTIES_MAX][256]; /* .rdp lines "name:type:value" */
    size_t property_count;
};

struct resources;

/* The table of resources.conf and the size of what it fills, for the test of the shipped file. */
struct config_table;
extern const struct config_table resources_table;
extern const size_t resources_table_bytes;

/* Reads it whole; a missing file is an empty list. ERROR_CONFIGURATION with file, line, setting. */
int resources_read(const char *path, struct resources **ret, struct error_detail *ret_detail);
void resources_destroy(struct resources *resources);
size_t resources_count(const struct resources *resources);
/* When the file was changed last, Unix ms; 0: there is none. */
int64_t resources_changed_ms(const struct resources *resources);

/* Whether some of them are for certain groups only. */
bool resources_ask_for_groups(const struct resources *resources);

/* Visits those that a user with these groups may see, in the file's order. Each is valid during its visit. */
typedef void resources_visit_fn(void *data, const struct resource *resource);
void resources_visible(const struct resources *resources, const char *const *groups, size_t group_count,
                       resources_visit_fn *visit, void *data);

#endif
