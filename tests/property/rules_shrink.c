#include "rules_shrink.h"

#include <stdlib.h>
#include <string.h>

struct shrinking {
    struct history *history;
    history_fails *fails;
    void *data;
    unsigned tries;
};

static bool still_fails(struct shrinking *shrinking, const struct history *shorter)
{
    return shrinking->tries < SHRINK_TRIES_MAX && ++shrinking->tries > 0 &&
           shrinking->fails(shrinking->data, shorter);
}

/* A view without lines [from, to): the lines themselves stay where they are. */
static struct history without(const struct history *history, size_t from, size_t to)
{
    struct history shorter = *history;
    shorter.count = history->count - (to - from);
    shorter.lines = malloc((shorter.count + 1) * sizeof(*shorter.lines));
    if (shorter.lines == NULL)
        abort();
    memcpy(shorter.lines, history->lines, from * sizeof(*shorter.lines));
    memcpy(shorter.lines + from, history->lines + to, (history->count - to) * sizeof(*shorter.lines));
    return shorter;
}

static bool drop_lines(struct shrinking *shrinking, size_t from, size_t to)
{
    struct history *history = shrinking->history;
    struct history shorter = without(history, from, to);
    bool good = still_fails(shrinking, &shorter);
    free(shorter.lines);
    if (!good)
        return false;
    for (size_t i = from; i < to; i++)
        free((void *)history->lines[i].event.connections);
    memmove(history->lines + from, history->lines + to, (history->count - to) * sizeof(*history->lines));
    history->count -= to - from;
    return true;
}

/* From large pieces to single lines, from the end. True if anything could go. */
static bool drop_pieces(struct shrinking *shrinking)
{
    size_t before = shrinking->history->count;
    for (size_t piece = before; piece > 0; piece /= 2)
        for (size_t to = shrinking->history->count; to > 0;) {
            size_t from = to > piece ? to - piece : 0;
            (void)drop_lines(shrinking, from, to);
            to = from;
        }
    return shrinking->history->count < before;
}

static bool drop_session(struct shrinking *shrinking, struct rules_event *event, size_t at)
{
    struct rules_connection *sessions = (struct rules_connection *)event->connections, dropped = sessions[at];
    size_t behind = (event->count - at - 1) * sizeof(*sessions);
    memmove(&sessions[at], &sessions[at + 1], behind);
    event->count--;
    if (still_fails(shrinking, shrinking->history))
        return true;
    memmove(&sessions[at + 1], &sessions[at], behind);
    sessions[at] = dropped;
    event->count++;
    return false;
}

static bool drop_sessions(struct shrinking *shrinking)
{
    bool any = false;
    for (size_t i = 0; i < shrinking->history->count; i++) {
        struct rules_event *event = &shrinking->history->lines[i].event;
        for (size_t at = event->type == RULES_EVENT_SET ? event->count : 0; at-- > 0;)
            any |= drop_session(shrinking, event, at);
    }
    return any;
}

void rules_shrink(struct history *history, history_fails *fails, void *data)
{
    struct shrinking shrinking = {.history = history, .fails = fails, .data = data};
    bool lines = true, sessions = true;
    while (lines || sessions) {
        lines = drop_pieces(&shrinking);
        sessions = drop_sessions(&shrinking);
    }
}
