/* The reader of `farmgate size` and the replay behind it: fed whole and fed in pieces, a log must give the
 * same answer. */
#include "agent/core/peak.h"
#include "agent/core/tally.h"
#include "agent/ctl/sizing/gather.h"
#include "agent/ctl/sizing/ndjson.h"
#include "agent/ctl/sizing/sizing.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct answer {
    int code;
    struct error_detail detail;
    struct gather *gather;
    struct sizing *sizing;
    const struct sizing_result *result;
};

static void read_log(const uint8_t *data, size_t size, size_t piece, struct answer *answer)
{
    struct tally_settings settings = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT};
    memset(answer, 0, sizeof *answer);
    answer->gather = gather_create();
    answer->sizing = sizing_create(&settings, NULL);
    require(answer->gather != NULL && answer->sizing != NULL);
    struct ndjson *ndjson = ndjson_create(answer->gather, "log");
    require(ndjson != NULL);
    for (size_t at = 0; at < size && answer->code == 0; at += piece) {
        size_t count = size - at < piece ? size - at : piece;
        answer->code = ndjson_feed(ndjson, (const char *)data + at, count, &answer->detail);
    }
    if (answer->code == 0)
        answer->code = ndjson_end(ndjson, &answer->detail);
    ndjson_destroy(ndjson);
    if (answer->code == 0)
        answer->code = gather_replay(answer->gather, answer->sizing);
    if (answer->code == 0)
        answer->code = sizing_finish(answer->sizing, &answer->result);
    gather_destroy(answer->gather);
}

static void check(const struct sizing_result *result)
{
    uint32_t highest = 0;
    for (size_t i = 0; i < result->window_count; i++) {
        const struct sizing_window *window = &result->windows[i];
        require(window->start_ms % WINDOW_MS == 0);
        require(i == 0 || window->start_ms == window[-1].start_ms + WINDOW_MS);
        if (window->peak_users > highest)
            highest = window->peak_users;
    }
    require(highest == result->peak_users && result->peak_users <= result->users);
    require(result->users <= result->events && result->hosts <= result->events);
    require(result->repeated_connects + result->unknown_sessions <= result->events);
    require((result->events == 0) == (result->window_count == 0));
    if (result->events > 0)
        require(result->first_at_ms <= result->peak_at_ms && result->peak_at_ms <= result->last_at_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer whole, pieces;
    read_log(data, size, size == 0 ? 1 : size, &whole);
    read_log(data, size, 7, &pieces);
    require(whole.code == pieces.code);
    require(strcmp(whole.detail.text, pieces.detail.text) == 0);
    if (whole.code == 0) {
        require(whole.result->window_count == pieces.result->window_count);
        require(whole.result->peak_at_ms == pieces.result->peak_at_ms);
        check(whole.result);
    }
    sizing_destroy(pieces.sizing);
    sizing_destroy(whole.sizing);
    return 0;
}
