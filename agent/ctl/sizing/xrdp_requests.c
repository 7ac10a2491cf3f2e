#include "xrdp_requests.h"

#include <string.h>

static void remove_at(struct xrdp_requests *requests, size_t place)
{
    memmove(&requests->requests[place], &requests->requests[place + 1],
            (requests->count - place - 1) * sizeof *requests->requests);
    requests->count--;
}

static void remove_failed(struct xrdp_requests *requests, int64_t now_ms)
{
    for (size_t i = requests->count; i-- > 0;) {
        int64_t age_ms = now_ms - requests->requests[i].at_ms;
        if (age_ms > XRDP_REQUEST_MAX_MS || age_ms < -XRDP_REQUEST_MAX_MS)
            remove_at(requests, i);
    }
}

/* The earliest of that host with this display; NULL if there is none. */
static struct xrdp_request *find_display(struct xrdp_requests *requests, uint32_t host,
                                         struct log_span display)
{
    for (size_t i = 0; i < requests->count; i++)
        if (requests->requests[i].host == host && log_span_is(display, requests->requests[i].display))
            return &requests->requests[i];
    return NULL;
}

static bool copy(struct log_span span, char *ret_text, size_t bytes_max)
{
    if (span.bytes == 0 || span.bytes > bytes_max)
        return false;
    memcpy(ret_text, span.text, span.bytes);
    ret_text[span.bytes] = '\0';
    return true;
}

void xrdp_requests_add(struct xrdp_requests *requests, uint32_t host, int64_t at_ms, struct log_span user)
{
    remove_failed(requests, at_ms);
    if (requests->count == XRDP_REQUESTS_MAX)
        remove_at(requests, 0);
    struct xrdp_request *request = &requests->requests[requests->count];
    *request = (struct xrdp_request){.host = host, .at_ms = at_ms};
    if (copy(user, request->user, XRDP_USER_BYTES_MAX))
        requests->count++;
}

void xrdp_requests_drop(struct xrdp_requests *requests, uint32_t host, struct log_span user)
{
    for (size_t i = requests->count; i-- > 0;) {
        if (requests->requests[i].host != host || !log_span_is(user, requests->requests[i].user))
            continue;
        remove_at(requests, i);
        return;
    }
}

void xrdp_requests_show(struct xrdp_requests *requests, uint32_t host, int64_t at_ms, struct log_span display)
{
    const struct log_span none = {"", 0};
    remove_failed(requests, at_ms);
    struct xrdp_request *failed = find_display(requests, host, display), *request;
    if (failed != NULL)
        remove_at(requests, (size_t)(failed - requests->requests));
    request = find_display(requests, host, none);
    if (request != NULL)
        (void)copy(display, request->display, XRDP_DISPLAY_MAX);
}

bool xrdp_requests_take(struct xrdp_requests *requests, uint32_t host, int64_t at_ms, struct log_span display,
                        char ret_user[XRDP_USER_BYTES_MAX + 1])
{
    const struct log_span none = {"", 0};
    remove_failed(requests, at_ms);
    struct xrdp_request *request = find_display(requests, host, display);
    if (request == NULL)
        request = find_display(requests, host, none);
    if (request == NULL)
        return false;
    memcpy(ret_user, request->user, sizeof request->user);
    remove_at(requests, (size_t)(request - requests->requests));
    return true;
}
