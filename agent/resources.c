#include "resources.h"

#include "common/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- checks of single texts ---- */

static int check_id(const char *text, struct error_detail *ret_detail)
{
    for (const char *at = text; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr("._-", *at)) {
            error_detail_set(ret_detail, "\"%s\" is not an id; allowed: letters, digits, '.', '_' and '-'",
                             text);
            return ERROR_INVALID;
        }
    }
    return 0;
}

static int check_line(const char *text, struct error_detail *ret_detail)
{
    if (!strpbrk(text, "\n\t"))
        return 0;
    error_detail_set(ret_detail, "more than one line, or a tab");
    return ERROR_INVALID;
}

/* "name:type:value", type i, s or b. */
static int check_property(const char *text, struct error_detail *ret_detail)
{
    const char *colon = strchr(text, ':');
    if (colon && colon > text && strchr("isb", colon[1]) && colon[1] && colon[2] == ':' &&
        !strpbrk(text, "\n\t"))
        return 0;
    error_detail_set(ret_detail,
                     "\"%s\" is not an .rdp property; allowed: like \"remoteapplicationmode:i:1\"", text);
    return ERROR_INVALID;
}

/* ---- the table ---- */

/* The file as config.h reads it: large, and only for as long as that takes. */
struct listed {
    struct resource resources[RESOURCES_MAX];
    size_t count;
};

static const char *const kinds[] = {[KIND_DESKTOP] = "desktop", [KIND_APPLICATION] = "application", NULL};

#define AT(member)    offsetof(struct resource, member)
#define BYTES(member) (sizeof(((struct resource *)0)->member) - 1)
#define TEXT(member)  .type = CONFIG_TEXT, .offset = AT(member), .max = BYTES(member)
#define TEXTS(member, n)                                                                                  \
    .type = CONFIG_TEXTS, .offset = AT(member), .min = 1, .max = BYTES(member[0]), .count_offset = AT(n), \
    .count_max = COUNT(((struct resource *)0)->member), .element_bytes = BYTES(member[0]) + 1

static const struct config_setting resource_settings[] = {
    {.path = "id",
     TEXT(id),
     .min = 1,
     .required = true,
     .check = check_id,
     .what = "unique; scripts call it so"},
    {.path = "name", TEXT(name), .min = 1, .required = true, .check = check_line, .what = "shown to people"},
    {.path = "description", TEXT(description), .default_text = "\"\"", .what = "shown to people"},
    {.path = "folder",
     TEXT(folder),
     .default_text = "\"\"",
     .check = check_line,
     .what = "where portals show it, like \"Office/Tools\""},
    {.path = "kind",
     .type = CONFIG_CHOICE,
     .offset = AT(kind),
     .choices = kinds,
     .required = true,
     .what = "a whole desktop or one application"},
    {.path = "command",
     TEXT(command),
     .default_text = "\"\"",
     .check = check_line,
     .tell = CONFIG_TELL_PROGRAM,
     .what = "of an application"},
    {.path = "hosts",
     TEXTS(hosts, host_count),
     .default_text = "()",
     .check = check_line,
     .what = "hosts that have it; (): every host of the farm"},
    {.path = "groups",
     TEXTS(groups, group_count),
     .default_text = "()",
     .check = check_line,
     .what = "groups whose members see it; (): everybody"},
    {.path = "properties",
     TEXTS(properties, property_count),
     .default_text = "()",
     .check = check_property,
     .tell = CONFIG_TELL_NAME,
     .what = "lines for the .rdp file, \"name:type:value\""},
};
static const struct config_table resource_table = {.settings = resource_settings,
                                                   .count = COUNT(resource_settings)};

static const struct config_setting listed_settings[] = {
    {.path = "resources",
     .type = CONFIG_LIST,
     .offset = offsetof(struct listed, resources),
     .count_offset = offsetof(struct listed, count),
     .count_max = RESOURCES_MAX,
     .element_bytes = sizeof(struct resource),
     .elements = &resource_table,
     .default_text = "()",
     .what = "the published resources"},
};
const struct config_table resources_table = {.settings = listed_settings, .count = COUNT(listed_settings)};
const size_t resources_table_bytes = sizeof(struct listed);

static int check_listed(const void *values, char ret_path[CONFIG_PATH_BYTES], struct error_detail *ret_detail)
{
    const struct listed *listed = values;
    for (size_t i = 0; i < listed->count; i++) {
        const struct resource *resource = &listed->resources[i];
        (void)snprintf(ret_path, CONFIG_PATH_BYTES, "resources[%zu]", i);
        if (resource->kind == KIND_APPLICATION && !resource->command[0] && resource->property_count == 0) {
            error_detail_set(ret_detail, "an application needs command or properties");
            return ERROR_CONFIGURATION;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(listed->resources[j].id, resource->id) == 0) {
                (void)snprintf(ret_path, CONFIG_PATH_BYTES, "resources[%zu].id", i);
                error_detail_set(ret_detail, "\"%s\" stands here twice", resource->id);
                return ERROR_CONFIGURATION;
            }
        }
    }
    return 0;
}

/* ---- kept ---- */

/* What is kept of one: struct resource has room for the longest of everything. */
struct packed {
    enum connection_kind kind;
    size_t host_count, group_count, property_count;
    char *texts; /* id, name, description, folder, command, hosts, groups, properties, each with its NUL */
};

struct resources {
    struct packed *packed;
    size_t count;
    int64_t changed_ms;
    struct resource *shown; /* the one that is being visited */
};

static void append(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    memcpy(*at, text, bytes);
    *at += bytes;
}

static void take(const char **at, char *ret)
{
    size_t bytes = strlen(*at) + 1;
    memcpy(ret, *at, bytes);
    *at += bytes;
}

static size_t bytes_of(const struct resource *resource)
{
    size_t bytes = strlen(resource->id) + strlen(resource->name) + strlen(resource->description) +
                   strlen(resource->folder) + strlen(resource->command) + 5;
    for (size_t i = 0; i < resource->host_count; i++)
        bytes += strlen(resource->hosts[i]) + 1;
    for (size_t i = 0; i < resource->group_count; i++)
        bytes += strlen(resource->groups[i]) + 1;
    for (size_t i = 0; i < resource->property_count; i++)
        bytes += strlen(resource->properties[i]) + 1;
    return bytes;
}

static bool pack(const struct resource *resource, struct packed *ret)
{
    char *at = malloc(bytes_of(resource));
    if (!at)
        return false;
    *ret = (struct packed){.kind = resource->kind,
                           .host_count = resource->host_count,
                           .group_count = resource->group_count,
                           .property_count = resource->property_count,
                           .texts = at};
    append(&at, resource->id);
    append(&at, resource->name);
    append(&at, resource->description);
    append(&at, resource->folder);
    append(&at, resource->command);
    for (size_t i = 0; i < resource->host_count; i++)
        append(&at, resource->hosts[i]);
    for (size_t i = 0; i < resource->group_count; i++)
        append(&at, resource->groups[i]);
    for (size_t i = 0; i < resource->property_count; i++)
        append(&at, resource->properties[i]);
    return true;
}

static void unpack(const struct packed *packed, struct resource *ret)
{
    const char *at = packed->texts;
    ret->kind = packed->kind;
    ret->host_count = packed->host_count;
    ret->group_count = packed->group_count;
    ret->property_count = packed->property_count;
    take(&at, ret->id);
    take(&at, ret->name);
    take(&at, ret->description);
    take(&at, ret->folder);
    take(&at, ret->command);
    for (size_t i = 0; i < ret->host_count; i++)
        take(&at, ret->hosts[i]);
    for (size_t i = 0; i < ret->group_count; i++)
        take(&at, ret->groups[i]);
    for (size_t i = 0; i < ret->property_count; i++)
        take(&at, ret->properties[i]);
}

static struct resources *keep(const struct listed *listed)
{
    struct resources *resources = calloc(1, sizeof(*resources));
    if (!resources)
        return NULL;
    resources->shown = calloc(1, sizeof(*resources->shown));
    resources->packed = calloc(listed->count + 1, sizeof(*resources->packed));
    if (!resources->shown || !resources->packed) {
        resources_destroy(resources);
        return NULL;
    }
    for (; resources->count < listed->count; resources->count++) {
        if (!pack(&listed->resources[resources->count], &resources->packed[resources->count])) {
            resources_destroy(resources);
            return NULL;
        }
    }
    return resources;
}

/* A missing file publishes nothing. */
static int load(const char *path, struct listed *ret, struct error_detail *ret_detail)
{
    if (!path[0])
        return config_load(&resources_table, NULL, ret, ret_detail);
    int error = config_load_checked(&resources_table, check_listed, path, ret, ret_detail);
    return error == ERROR_NOT_FOUND ? config_load(&resources_table, NULL, ret, ret_detail) : error;
}

/* From the system and back to it: freed through malloc, 28 MB would teach it to keep as much for ever. */
static struct listed *map_listed(void)
{
    void *memory =
        mmap(NULL, sizeof(struct listed), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int64_t changed_ms(const char *path)
{
    struct stat file;
    return path[0] && stat(path, &file) == 0 ? (int64_t)file.st_mtime * 1000 : 0;
}

int resources_read(const char *path, struct resources **ret, struct error_detail *ret_detail)
{
    int64_t changed = changed_ms(path);
    struct listed *listed = map_listed();
    int error = listed ? load(path, listed, ret_detail) : ERROR_NO_MEMORY;
    struct resources *resources = error == 0 ? keep(listed) : NULL;
    if (listed)
        (void)munmap(listed, sizeof(*listed));
    if (error == 0 && !resources)
        error = ERROR_NO_MEMORY;
    if (error == ERROR_NO_MEMORY)
        error_detail_set(ret_detail, "%s: %s", path, error_text(error));
    if (error == 0) {
        resources->changed_ms = changed;
        *ret = resources;
    }
    return error;
}

void resources_destroy(struct resources *resources)
{
    if (!resources)
        return;
    for (size_t i = 0; i < resources->count; i++)
        free(resources->packed[i].texts);
    free(resources->packed);
    free(resources->shown);
    free(resources);
}

size_t resources_count(const struct resources *resources)
{
    return resources->count;
}

int64_t resources_changed_ms(const struct resources *resources)
{
    return resources->changed_ms;
}

bool resources_ask_for_groups(const struct resources *resources)
{
    for (size_t i = 0; i < resources->count; i++)
        if (resources->packed[i].group_count > 0)
            return true;
    return false;
}

static bool is_for(const struct resource *resource, const char *const *groups, size_t group_count)
{
    for (size_t i = 0; i < resource->group_count; i++)
        for (size_t j = 0; j < group_count; j++)
            if (strcmp(resource->groups[i], groups[j]) == 0)
                return true;
    return resource->group_count == 0;
}

void resources_visible(const struct resources *resources, const char *const *groups, size_t group_count,
                       resources_visit_fn *visit, void *data)
{
    for (size_t i = 0; i < resources->count; i++) {
        unpack(&resources->packed[i], resources->shown);
        if (is_for(resources->shown, groups, group_count))
            visit(data, resources->shown);
    }
}
