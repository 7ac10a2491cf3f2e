/* The reader of `farmgate size` for lines of JSON, and the replay behind it: fed whole and fed in pieces a
 * log must give the same answer; and what the quick way reads, the other must read the same. */
#include "agent/core/peak.h"
#include "agent/core/tally.h"
#include "agent/ctl/sizing/ndjson_line.h"
#include "agent/ctl/sizing/order.h"
#include "agent/ctl/sizing/reader.h"
#include "common/json.h"

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
    struct repairs repairs;
    struct sizing *sizing;
    const struct sizing_result *result;
    struct order *order;
    struct order_stream *stream;
};

static int take_ordered(void *data, const struct sizing_event *event)
{
    return sizing_take(((struct answer *)data)->sizing, event);
}

static int take(void *data, const struct sizing_event *event)
{
    struct log_place place = {"log", 1, true};
    return order_put(((struct answer *)data)->stream, event, &place);
}

static void read_log(const uint8_t *data, size_t size, size_t piece, struct answer *answer)
{
    struct tally_settings settings = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT};
    memset(answer, 0, sizeof *answer);
    struct order_settings order = {false, take_ordered, answer, &answer->repairs};
    struct reader_settings reader_settings = {.host = "h", .sink = {take, answer, &answer->repairs}};
    answer->sizing = sizing_create(&settings, NULL);
    answer->order = order_create(&order);
    struct reader *reader = reader_ndjson.create(&reader_settings);
    require(answer->sizing != NULL && answer->order != NULL && reader != NULL);
    answer->stream = order_add(answer->order, 0, true, ORDER_UNKNOWN_MS, NULL);
    require(answer->stream != NULL && reader_ndjson.begin_file(reader, "log") == 0);
    for (size_t at = 0; at < size && answer->code == 0; at += piece) {
        size_t count = size - at < piece ? size - at : piece;
        answer->code = reader_ndjson.feed(reader, (const char *)data + at, count);
    }
    if (answer->code == 0)
        answer->code = reader_ndjson.end_file(reader);
    if (answer->code == 0)
        answer->code = order_end(answer->stream);
    if (answer->code == 0)
        answer->code = order_flush(answer->order, ORDER_NO_LIMIT_MS);
    reader_ndjson.destroy(reader);
    order_destroy(answer->order);
    if (answer->code == 0)
        answer->code = sizing_finish(answer->sizing, &answer->result);
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

static void check_line(struct json_reader *json, const char *text, size_t bytes)
{
    static struct ndjson_line quick, slow;
    struct sizing_event quick_event = {0}, slow_event = {0};
    if (!ndjson_line_quick(text, bytes, &quick))
        return;
    require(ndjson_line_read(json, text, bytes, &slow, NULL) == 0);
    const char *wrong = ndjson_line_event(&quick, true, &quick_event);
    const char *slow_wrong = ndjson_line_event(&slow, false, &slow_event);
    require((wrong == NULL) == (slow_wrong == NULL));
    if (wrong != NULL) {
        require(strcmp(wrong, slow_wrong) == 0);
        return;
    }
    require(quick_event.at_ms == slow_event.at_ms && quick_event.type == slow_event.type);
    require(quick_event.kind == slow_event.kind && quick_event.route == slow_event.route);
    require(quick_event.administrator == slow_event.administrator);
    require(strcmp(quick.host, slow.host) == 0 && strcmp(quick.session, slow.session) == 0);
    require(strcmp(quick.user, slow.user) == 0);
}

static void check_lines(const char *text, size_t bytes)
{
    struct json_reader *json = json_reader_create();
    const char *end = text + bytes, *newline;
    require(json != NULL);
    for (; text < end; text = newline + 1) {
        newline = memchr(text, '\n', (size_t)(end - text));
        newline = newline == NULL ? end : newline;
        check_line(json, text, (size_t)(newline - text));
    }
    json_reader_destroy(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct answer whole, pieces;
    (void)reader_ndjson.recognise((const char *)data, size, true);
    (void)reader_ndjson.recognise((const char *)data, size, false);
    check_lines((const char *)data, size);
    read_log(data, size, size == 0 ? 1 : size, &whole);
    read_log(data, size, 7, &pieces);
    require(whole.code == pieces.code);
    require(memcmp(&whole.repairs, &pieces.repairs, sizeof whole.repairs) == 0);
    if (whole.code == 0) {
        require(whole.result->window_count == pieces.result->window_count);
        require(whole.result->peak_at_ms == pieces.result->peak_at_ms);
        check(whole.result);
    }
    sizing_destroy(pieces.sizing);
    sizing_destroy(whole.sizing);
    return 0;
}
