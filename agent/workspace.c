#include "workspace.h"

#include "common/rfc3339.h"
#include "rdp_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts that are each told once, though many resources have them. */
struct names {
    char **names;
    size_t count, room;
    bool failed;
};

struct workspace_feed {
    const struct workspace *workspace;
    char *text; /* the resources so far */
    size_t bytes;
    FILE *out;
    struct names servers, folders;
};

/* --- names ---------------------------------------------------------------------------------------------- */

static void names_add(struct names *names, const char *name)
{
    if (names->count == names->room) {
        size_t room = names->room ? 2 * names->room : 16;
        char **grown = realloc(names->names, room * sizeof(*grown));
        if (!grown) {
            names->failed = true;
            return;
        }
        names->names = grown;
        names->room = room;
    }
    names->names[names->count] = strdup(name);
    names->failed |= names->names[names->count] == NULL;
    names->count += names->names[names->count] != NULL;
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void names_sort(struct names *names)
{
    size_t kept = 0;
    if (names->count > 0)
        qsort(names->names, names->count, sizeof(*names->names), compare_names);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && strcmp(names->names[kept - 1], names->names[i]) == 0)
            free(names->names[i]);
        else
            names->names[kept++] = names->names[i];
    }
    names->count = kept;
}

static void names_finish(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
}

/* --- XML ------------------------------------------------------------------------------------------------ */

/* U+FFFE and U+FFFF, which UTF-8 has and XML does not. */
static bool is_no_xml(const unsigned char *at)
{
    return at[0] == 0xEF && at[1] == 0xBF && at[2] >= 0xBE;
}

/* The value of an attribute. What XML cannot say at all becomes U+FFFD. */
static void write_value(FILE *out, const char *text)
{
    static const char no_character[] = "\xEF\xBF\xBD";
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        switch (*at) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\t':
        case '\n':
        case '\r':
            fprintf(out, "&#%d;", *at);
            break;
        default:
            if (*at < 0x20) {
                fputs(no_character, out);
            } else if (is_no_xml(at)) {
                fputs(no_character, out);
                at += 2;
            } else {
                (void)fputc(*at, out);
            }
        }
    }
}

static void write_attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    write_value(out, value);
    (void)fputc('"', out);
}

static void write_updated(FILE *out, const struct workspace *workspace, const char *name)
{
    char text[RFC3339_BYTES];
    rfc3339_format(workspace->updated_ms, text);
    write_attribute(out, name, text);
}

/* --- a resource ----------------------------------------------------------------------------------------- */

/* As a part of an address; what it may hold unescaped needs no escape in XML. */
static void write_escaped(FILE *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        bool plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') ||
                     strchr("-._~", *at);
        if (plain)
            (void)fputc(*at, out);
        else
            fprintf(out, "%%%02X", *at);
    }
}

/* `host`: which one of several; NULL: there is one. */
static void write_server(struct workspace_feed *feed, const struct resource *resource, const char *address,
                         const char *host)
{
    FILE *out = feed->out;
    fputs("<HostingTerminalServer><ResourceFile FileExtension=\".rdp\" URL=\"", out);
    write_value(out, feed->workspace->base);
    fprintf(out, "resources/%s.rdp", resource->id);
    if (host) {
        fputs("?host=", out);
        write_escaped(out, host);
    }
    fputs("\"/><TerminalServerRef", out);
    write_attribute(out, "Ref", address);
    fputs("/></HostingTerminalServer>", out);
    names_add(&feed->servers, address);
}

static void write_servers(struct workspace_feed *feed, const struct resource *resource)
{
    bool several = resource->host_count > 1 && !rdp_file_property(resource, "full address");
    fputs("<HostingTerminalServers>", feed->out);
    for (size_t i = 0; several && i < resource->host_count; i++)
        write_server(feed, resource, resource->hosts[i], resource->hosts[i]);
    if (!several)
        write_server(feed, resource, rdp_file_address(resource, feed->workspace->address), NULL);
    fputs("</HostingTerminalServers>", feed->out);
}

/* Those that the property tells, ".txt,.doc". */
static void write_extensions(FILE *out, const struct resource *resource)
{
    const char *at = rdp_file_property(resource, "remoteapplicationfileextensions");
    char name[sizeof(resource->properties[0])];
    fputs("<FileExtensions>", out);
    while (at && *at) {
        size_t bytes = strcspn(at, ",");
        if (bytes > 1 && at[0] == '.') {
            memcpy(name, at, bytes);
            name[bytes] = '\0';
            fputs("<FileExtension", out);
            write_attribute(out, "Name", name);
            fputs("/>", out);
        }
        at += bytes + (at[bytes] == ',');
    }
    fputs("</FileExtensions>", out);
}

/* Folders are named from the root on: "/Office". */
static void write_folder(struct workspace_feed *feed, const struct resource *resource)
{
    char folder[sizeof(resource->folder) + 1];
    const char *below = resource->folder + strspn(resource->folder, "/");
    (void)snprintf(folder, sizeof(folder), "/%s", below);
    fputs("<Folders><Folder", feed->out);
    write_attribute(feed->out, "Name", folder);
    fputs("/></Folders>", feed->out);
    if (below[0])
        names_add(&feed->folders, folder);
}

void workspace_feed_add(struct workspace_feed *feed, const struct resource *resource)
{
    FILE *out = feed->out;
    fputs("<Resource", out);
    write_attribute(out, "ID", resource->id);
    write_attribute(out, "Alias", resource->id);
    write_attribute(out, "Title", resource->name);
    write_updated(out, feed->workspace, "LastUpdated");
    write_attribute(out, "Type", resource->kind == KIND_DESKTOP ? "Desktop" : "RemoteApp");
    fputs(">", out);
    write_extensions(out, resource);
    if (feed->workspace->folders)
        write_folder(feed, resource);
    write_servers(feed, resource);
    fputs("</Resource>\n", out);
}

/* --- the whole ------------------------------------------------------------------------------------------ */

struct workspace_feed *workspace_feed_create(const struct workspace *workspace)
{
    struct workspace_feed *feed = calloc(1, sizeof(*feed));
    if (!feed)
        return NULL;
    feed->workspace = workspace;
    feed->out = open_memstream(&feed->text, &feed->bytes);
    if (!feed->out) {
        free(feed);
        return NULL;
    }
    return feed;
}

void workspace_feed_destroy(struct workspace_feed *feed)
{
    if (!feed)
        return;
    if (feed->out)
        (void)fclose(feed->out);
    free(feed->text);
    names_finish(&feed->servers);
    names_finish(&feed->folders);
    free(feed);
}

static bool close_stream(FILE **stream)
{
    bool failed = ferror(*stream) != 0;
    failed |= fclose(*stream) != 0;
    *stream = NULL;
    return !failed;
}

static void write_publisher(FILE *out, const struct workspace *workspace)
{
    fputs("<Publisher", out);
    write_updated(out, workspace, "LastUpdated");
    write_attribute(out, "Name", workspace->name);
    write_attribute(out, "ID", workspace->id);
    write_attribute(out, "Description", "");
    if (workspace->folders)
        fputs(" SupportsReconnect=\"false\"", out);
    fputs(">\n", out);
}

static void write_whole(FILE *out, const struct workspace_feed *feed)
{
    const struct workspace *workspace = feed->workspace;
    fputs("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<ResourceCollection", out);
    write_updated(out, workspace, "PubDate");
    write_attribute(out, "SchemaVersion", workspace->folders ? "2.0" : "1.1");
    fputs(" xmlns=\"http://schemas.microsoft.com/ts/2007/05/tswf\">\n", out);
    write_publisher(out, workspace);
    if (workspace->folders) {
        fputs("<SubFolders>", out);
        for (size_t i = 0; i < feed->folders.count; i++) {
            fputs("<Folder", out);
            write_attribute(out, "Name", feed->folders.names[i]);
            fputs("/>", out);
        }
        fputs("</SubFolders>\n", out);
    }
    fputs("<Resources>\n", out);
    (void)fwrite(feed->text, 1, feed->bytes, out);
    fputs("</Resources>\n<TerminalServers>\n", out);
    for (size_t i = 0; i < feed->servers.count; i++) {
        fputs("<TerminalServer", out);
        write_attribute(out, "ID", feed->servers.names[i]);
        write_attribute(out, "Name", feed->servers.names[i]);
        write_updated(out, workspace, "LastUpdated");
        fputs("/>\n", out);
    }
    fputs("</TerminalServers>\n</Publisher>\n</ResourceCollection>\n", out);
}

int workspace_feed_text(struct workspace_feed *feed, char **ret, size_t *ret_bytes)
{
    char *text = NULL;
    size_t bytes = 0;
    if (!close_stream(&feed->out) || feed->servers.failed || feed->folders.failed)
        return ERROR_NO_MEMORY;
    names_sort(&feed->servers);
    names_sort(&feed->folders);
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return ERROR_NO_MEMORY;
    write_whole(out, feed);
    if (!close_stream(&out)) {
        free(text);
        return ERROR_NO_MEMORY;
    }
    *ret = text;
    *ret_bytes = bytes;
    return 0;
}
