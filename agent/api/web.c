/* GET / and /v1/web/links: the status page, and the keys to it. The page itself tells nobody anything: it
 * asks, with the token of a link or without. */
#include "api_internal.h"
#include "reply.h"

#include "agent/web/page.h"

#include <stdio.h>

#define PAGE_HEADERS_BYTES 1024
#define HOUR_MS            3600000

void page_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    char headers[PAGE_HEADERS_BYTES];
    (void)api;
    (void)request;
    (void)snprintf(headers, sizeof(headers),
                   "Content-Security-Policy: %s\r\n"
                   "X-Frame-Options: DENY\r\n"
                   "X-Content-Type-Options: nosniff\r\n"
                   "Referrer-Policy: no-referrer\r\n"
                   "Cross-Origin-Opener-Policy: same-origin\r\n"
                   "Cross-Origin-Resource-Policy: same-origin\r\n"
                   "Cache-Control: no-cache\r\n",
                   web_page_policy);
    http_respond(exchange, &(struct http_reply){.status = 200,
                                                .content_type = "text/html; charset=utf-8",
                                                .body = web_page,
                                                .body_bytes = web_page_bytes,
                                                .extra_headers = headers});
}

/* --- links ---------------------------------------------------------------------------------- */

struct link_wish {
    int64_t hours;
};
static const struct json_field link_fields[] = {
    {.name = "hours",
     .type = JSON_INTEGER,
     .offset = offsetof(struct link_wish, hours),
     .min = 1,
     .max = WEB_LINKS_HOURS_MAX},
};
static const struct json_shape link_shape = {link_fields, sizeof(link_fields) / sizeof(link_fields[0])};

/* False: answered. */
static bool read_link_wish(struct http_exchange *exchange, const struct http_request *request,
                           struct link_wish *ret)
{
    struct error_detail detail;
    struct link_wish wish = {.hours = WEB_LINKS_HOURS_DEFAULT};
    char field[JSON_PATH_BYTES] = "";
    int error = request->body.bytes == 0
                    ? 0
                    : json_read(&link_shape, request->body.text, request->body.bytes, &wish, &detail, field);
    if (error == ERROR_NO_MEMORY)
        reply_no_memory(exchange);
    else if (error)
        reply_invalid(exchange, field, detail.text);
    else
        *ret = wish;
    return error == 0;
}

void web_link_post(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct link_wish wish;
    char token[TOKENS_TEXT_BYTES];
    if (!read_link_wish(exchange, request, &wish))
        return;
    if (api->tcp_address[0] == '\0') {
        http_problem(exchange, 409, "no_tcp_listener",
                     "the agent listens on no TCP address, so no browser reaches it: set api.listen = "
                     "\"127.0.0.1:8620\" in farmgate.conf and restart farmgated",
                     NULL);
        return;
    }
    struct json_writer *writer = reply_open(exchange);
    if (!writer)
        return;
    int64_t lifetime_ms = wish.hours * HOUR_MS;
    web_links_make(&api->links, uv_now(api->loop), (uint64_t)lifetime_ms, token);
    json_text(writer, "address", api->tcp_address);
    json_text(writer, "token", token);
    json_time(writer, "ends_at", api->agent.now_ms(api->agent.agent) + lifetime_ms);
    reply_close(exchange, writer, 200);
}

void web_links_delete(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    (void)request;
    web_links_revoke(&api->links);
    events_check_links(api);
    reply_no_content(exchange);
}
