/* GET /v1/resources, the feed of a workspace, and .rdp files: what is published, for this user. */
#include "api_internal.h"
#include "listing.h"
#include "reply.h"

#include "agent/rdp_file.h"
#include "agent/workspace.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_BYTES      16
#define TAG_TEXT_BYTES (2 * TAG_BYTES + 3) /* in quotes */

static const struct listing_wish nothing_else;

/* --- as JSON -------------------------------------------------------------------------------- */

static void write_texts(struct json_writer *writer, const char *name, const char *texts, size_t stride,
                        size_t count)
{
    json_open_array(writer, name);
    for (size_t i = 0; i < count; i++)
        json_text(writer, NULL, texts + i * stride);
    json_close_array(writer);
}

struct json_list {
    const struct listing *listing;
    struct json_writer *writer;
};

static void write_resource(void *data, const struct resource *resource)
{
    const struct json_list *list = data;
    struct json_writer *writer = list->writer;
    if (!list->listing->kinds[resource->kind])
        return;
    json_open_object(writer, NULL);
    json_text(writer, "id", resource->id);
    json_text(writer, "name", resource->name);
    json_text(writer, "description", resource->description);
    json_text(writer, "folder", resource->folder);
    json_text(writer, "kind", connection_kind_name(resource->kind));
    json_text(writer, "command", resource->command);
    write_texts(writer, "hosts", resource->hosts[0], sizeof(resource->hosts[0]), resource->host_count);
    write_texts(writer, "properties", resource->properties[0], sizeof(resource->properties[0]),
                resource->property_count);
    json_close_object(writer);
}

static void answer_resources(struct api *api, struct http_exchange *exchange, const struct listing *listing,
                             const struct listing_wish *wish)
{
    struct json_list list = {.listing = listing, .writer = reply_open(exchange)};
    (void)wish;
    if (!list.writer)
        return;
    json_open_array(list.writer, "resources");
    listing_visit(api, listing, write_resource, &list);
    json_close_array(list.writer);
    json_boolean(list.writer, "groups_known", listing->groups_known);
    reply_close(exchange, list.writer, 200);
}

void resources_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    listing_ask(api, exchange, request, &nothing_else, answer_resources);
}

/* --- documents that a client keeps ---------------------------------------------------------- */

static void make_tag(const char *body, size_t bytes, char ret[TAG_TEXT_BYTES])
{
    unsigned char hash[TAG_BYTES];
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)body, bytes, NULL, 0);
    ret[0] = '"';
    (void)sodium_bin2hex(ret + 1, TAG_TEXT_BYTES - 1, hash, sizeof(hash));
    memcpy(ret + TAG_TEXT_BYTES - 2, "\"", 2);
}

/* Whether If-None-Match names the tag: a list, weak ones too, or "*". */
static bool client_has(const struct http_exchange *exchange, const char *tag)
{
    struct http_text header;
    size_t bytes = strlen(tag);
    if (!http_header(exchange, "if-none-match", &header))
        return false;
    if (header.bytes == 1 && header.text[0] == '*')
        return true;
    for (size_t i = 0; i + bytes <= header.bytes; i++)
        if (memcmp(header.text + i, tag, bytes) == 0)
            return true;
    return false;
}

/* What one user is shown no cache may show another. */
static void reply_document(struct http_exchange *exchange, const char *content_type, const char *body,
                           size_t bytes, const char *more_headers)
{
    char tag[TAG_TEXT_BYTES], headers[512];
    make_tag(body, bytes, tag);
    (void)snprintf(headers, sizeof(headers), "ETag: %s\r\nCache-Control: private, no-cache\r\n%s", tag,
                   more_headers);
    if (client_has(exchange, tag))
        http_respond(exchange, &(struct http_reply){.status = 304, .extra_headers = headers});
    else
        http_respond(exchange, &(struct http_reply){.status = 200,
                                                    .content_type = content_type,
                                                    .body = body,
                                                    .body_bytes = bytes,
                                                    .extra_headers = headers});
}

/* --- the feed ------------------------------------------------------------------------------- */

static bool header_has(const struct http_exchange *exchange, const char *name, const char *words)
{
    struct http_text header;
    size_t bytes = strlen(words);
    if (!http_header(exchange, name, &header))
        return false;
    for (size_t i = 0; i + bytes <= header.bytes; i++) {
        size_t same = 0;
        while (same < bytes && (header.text[i + same] | 0x20) == (words[same] | 0x20))
            same++;
        if (same == bytes)
            return true;
    }
    return false;
}

/* Clients that know folders ask for schema version 2 by a parameter of their Accept. */
static bool knows_folders(const struct http_exchange *exchange)
{
    return header_has(exchange, "accept", "radc_schema_version=2");
}

struct feed_list {
    const struct listing *listing;
    struct workspace_feed *feed;
};

static void feed_resource(void *data, const struct resource *resource)
{
    const struct feed_list *list = data;
    if (list->listing->kinds[resource->kind])
        workspace_feed_add(list->feed, resource);
}

static int make_feed(const struct api *api, const struct listing *listing, const struct workspace *workspace,
                     char **ret, size_t *ret_bytes)
{
    struct feed_list list = {.listing = listing, .feed = workspace_feed_create(workspace)};
    if (!list.feed)
        return ERROR_NO_MEMORY;
    listing_visit(api, listing, feed_resource, &list);
    int error = workspace_feed_text(list.feed, ret, ret_bytes);
    workspace_feed_destroy(list.feed);
    return error;
}

static void answer_workspace(struct api *api, struct http_exchange *exchange, const struct listing *listing,
                             const struct listing_wish *wish)
{
    struct api_publisher publisher;
    struct core_status status;
    char *text = NULL;
    size_t bytes = 0;
    api_status(api, &status);
    api->agent.publisher(api->agent.agent, &publisher);
    const struct workspace workspace = {
        .name = publisher.name,
        .id = status.farm_id ? status.farm_id : publisher.name,
        .base = wish->base,
        .address = publisher.address,
        .updated_ms = resources_changed_ms(api->agent.resources(api->agent.agent)),
        .folders = knows_folders(exchange),
    };
    if (make_feed(api, listing, &workspace, &text, &bytes) < 0) {
        reply_no_memory(exchange);
        return;
    }
    bool named = workspace.folders && header_has(exchange, "accept", "application/x-msts-radc+xml");
    reply_document(exchange, named ? "application/x-msts-radc+xml; charset=utf-8" : "text/xml; charset=utf-8",
                   text, bytes, "Vary: Accept\r\n");
    free(text);
}

/* Where a portal has its way to our files: a path of its own, or a whole address. */
static bool is_base(const char *base)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/:.-_~%[]";
    size_t bytes = strlen(base);
    bool from_root = base[0] == '/' && base[1] != '/';
    return (from_root || strncmp(base, "https://", 8) == 0 || strncmp(base, "http://", 7) == 0) &&
           base[bytes - 1] == '/' && strspn(base, plain) == bytes;
}

void workspace_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct listing_wish wish = {0};
    if (!reply_text_parameter(exchange, request, "base", false, wish.base, sizeof(wish.base)))
        return;
    if (wish.base[0] == '\0')
        (void)snprintf(wish.base, sizeof(wish.base), "/v1/");
    if (is_base(wish.base))
        listing_ask(api, exchange, request, &wish, answer_workspace);
    else
        reply_invalid(exchange, "base",
                      "base: neither a path like /portal/ nor an address like https://rds.example/");
}

/* --- .rdp files ----------------------------------------------------------------------------- */

struct search {
    const struct listing_wish *wish;
    const char *elsewhere;
    bool found;
    enum connection_kind kind;
    char *file; /* NULL though found: no memory */
    size_t bytes;
};

/* NULL: the resource is not on the host that is asked for. */
static const char *address_of(const struct resource *resource, const struct search *search)
{
    if (search->wish->host[0] == '\0')
        return rdp_file_address(resource, search->elsewhere);
    for (size_t i = 0; i < resource->host_count; i++)
        if (strcmp(resource->hosts[i], search->wish->host) == 0)
            return resource->hosts[i];
    return NULL;
}

static void look_for_file(void *data, const struct resource *resource)
{
    struct search *search = data;
    if (strcmp(resource->id, search->wish->id) != 0)
        return;
    const char *address = address_of(resource, search);
    search->found = address != NULL;
    search->kind = resource->kind;
    if (address)
        (void)rdp_file_make(resource, address, &search->file, &search->bytes);
}

static void not_found(struct http_exchange *exchange)
{
    http_problem(exchange, 404, "not_found", "no such resource is published for this user", NULL);
}

static void answer_file(struct api *api, struct http_exchange *exchange, const struct listing *listing,
                        const struct listing_wish *wish)
{
    struct api_publisher publisher;
    api->agent.publisher(api->agent.agent, &publisher);
    struct search search = {.wish = wish, .elsewhere = publisher.address};
    listing_visit(api, listing, look_for_file, &search);
    if (!search.found) {
        not_found(exchange);
    } else if (!listing->kinds[search.kind]) {
        struct admission_question question = *listing->question;
        question.kind = search.kind;
        struct admission_answer refusal = ask_decide(api, &question, listing->administrator);
        ask_refuse(api, exchange, &question, &refusal);
    } else if (!search.file) {
        reply_no_memory(exchange);
    } else {
        char name[128];
        (void)snprintf(name, sizeof(name), "Content-Disposition: attachment; filename=\"%s.rdp\"\r\n",
                       wish->id);
        reply_document(exchange, "application/x-rdp", search.file, search.bytes, name);
    }
    free(search.file);
}

void rdp_file_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    const char *name = strrchr(request->path, '/') + 1;
    size_t bytes = strlen(name);
    struct listing_wish wish = {0};
    if (!reply_text_parameter(exchange, request, "host", false, wish.host, sizeof(wish.host)))
        return;
    if (bytes < sizeof(".rdp") || strcmp(name + bytes - 4, ".rdp") != 0 || bytes - 4 >= sizeof(wish.id)) {
        not_found(exchange);
        return;
    }
    memcpy(wish.id, name, bytes - 4);
    listing_ask(api, exchange, request, &wish, answer_file);
}
