#include "ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FAR_AHEAD_MS DAY_MS /* event time that is further ahead of licence time was wrong */

void ledger_state_copy(struct ledger_state *to, const struct ledger_state *from)
{
    memcpy(to, from, offsetof(struct ledger_state, levels));
    memcpy(to->levels, from->levels, from->level_count * sizeof(*from->levels));
    people_copy(&to->known, &from->known);
}

void ledger_init(struct ledger *ledger, unsigned host, bool count_disconnected, struct witness *witness)
{
    *ledger = (struct ledger){.witness = witness, .host = host};
    ledger->now.farm = ledger->now.queue_farm = LEDGER_NO_FARM;
    ledger->now.count_disconnected = count_disconnected;
}

void ledger_finish(struct ledger *ledger)
{
    for (size_t i = 0; i < LEDGER_FARMS_MAX; i++)
        free(ledger->books[i].entries);
}

/* ---- levels -------------------------------------------------------------------------------------------- */

static struct ledger_level *last_level(struct ledger_state *now)
{
    return &now->levels[now->level_count - 1];
}

/* The first instant of the highest level. */
static size_t highest(const struct ledger_state *now)
{
    size_t best = 0;
    for (size_t i = 1; i < now->level_count; i++) {
        if (now->levels[i].users > now->levels[best].users)
            best = i;
    }
    return best;
}

static uint32_t most_exempt(const struct ledger_state *now)
{
    uint32_t most = 0;
    for (size_t i = 0; i < now->level_count; i++)
        most = now->levels[i].exempt > most ? now->levels[i].exempt : most;
    return most;
}

/* A busy window: of the instants in between only the highest are of use. */
static void thin_out(struct ledger_state *now)
{
    struct ledger_level best = now->levels[highest(now)], last = *last_level(now);
    best.exempt = most_exempt(now);
    now->levels[0] = best;
    now->levels[1] = last;
    now->level_count = 2;
}

static void note_level(struct ledger_state *now, uint32_t users, uint32_t exempt)
{
    if (last_level(now)->users == users && last_level(now)->exempt == exempt)
        return;
    if (now->level_count == LEDGER_LEVELS_MAX)
        thin_out(now);
    now->levels[now->level_count++] =
        (struct ledger_level){.at_ms = now->event_ms, .users = users, .exempt = exempt};
}

struct people_level ledger_observe(struct ledger *ledger)
{
    struct people_level level = people_count(&ledger->now.known, ledger->now.count_disconnected);
    note_level(&ledger->now, level.users, level.exempt);
    if (level.exempt > 0)
        witness_note(ledger->witness, HAPPENED_ADMIN_EXEMPT);
    if (level.desktops > TALLY_EXEMPT_PER_HOST)
        witness_note(ledger->witness, HAPPENED_ADMIN_THIRD);
    return level;
}

/* ---- windows that close -------------------------------------------------------------------------------- */

static void begin_window(struct ledger_state *now, int64_t at_ms)
{
    struct ledger_level carried = now->level_count > 0 ? *last_level(now) : (struct ledger_level){0};
    carried.at_ms = at_ms;
    now->levels[0] = carried;
    now->level_count = 1;
    now->window_ms = at_ms;
}

static const struct window *peek_closed(struct ledger_closed *closed)
{
    for (; closed->at < closed->count; closed->at++) {
        const struct action *action = &closed->actions[closed->at];
        if (action->type == ACTION_PERSIST && action->persist.type == PERSIST_WINDOW)
            return &action->persist.window;
    }
    return NULL;
}

static const struct window *next_closed(struct ledger_closed *closed)
{
    const struct window *window = peek_closed(closed);
    closed->at++;
    return window;
}

static bool follows(const struct ledger_state *now, struct ledger_closed *closed)
{
    const struct window *window = peek_closed(closed);
    return window != NULL && window->start_ms == now->window_ms;
}

static void enter(struct ledger *ledger, const struct window *window)
{
    struct book *book = &ledger->books[ledger->now.farm];
    size_t number = ++ledger->now.closed[ledger->now.farm];
    if (window->sequence != book->base + number)
        witness_fail(ledger->witness, CHECK_SEQUENCE, ledger->host,
                     "a window has sequence %" PRIu64 ", not %" PRIu64, window->sequence,
                     book->base + number);
    if (number > book->room) {
        book->room = book->room == 0 ? 64 : book->room * 2;
        book->entries = realloc(book->entries, book->room * sizeof(*book->entries));
        if (book->entries == NULL)
            abort();
    }
    if (number > book->count)
        book->count = number;
    book->entries[number - 1] = (struct entry){.window = *window};
    ledger->now.queued++;
}

static void compare(struct ledger *ledger, const struct window *window, int64_t end_ms)
{
    struct ledger_state *now = &ledger->now;
    const struct ledger_level *best = &now->levels[highest(now)];
    uint32_t exempt = most_exempt(now), last = last_level(now)->users;
    if (window->start_ms != now->window_ms || window->end_ms != end_ms)
        witness_fail(ledger->witness, CHECK_WINDOWS, ledger->host,
                     "a window is [%" PRId64 ", %" PRId64 "), should be [%" PRId64 ", %" PRId64 ")",
                     window->start_ms, window->end_ms, now->window_ms, end_ms);
    else if (window->peak_users != best->users || window->peak_at_ms != best->at_ms ||
             window->users_at_end != last || window->exempt_peak != exempt)
        witness_fail(ledger->witness, CHECK_WINDOWS, ledger->host,
                     "window %" PRId64 ": peak %u at %+" PRId64
                     ", %u at its end, %u exempt; should be %u at %+" PRId64 ", %u, %u",
                     window->start_ms, window->peak_users, window->peak_at_ms - window->start_ms,
                     window->users_at_end, window->exempt_peak, best->users, best->at_ms - window->start_ms,
                     last, exempt);
    if (now->farm != LEDGER_NO_FARM)
        enter(ledger, window);
    else if (window->sequence != 0)
        witness_fail(ledger->witness, CHECK_SEQUENCE, ledger->host,
                     "a window of no farm has sequence %" PRIu64, window->sequence);
}

static void close_window(struct ledger *ledger, int64_t end_ms, struct ledger_closed *closed)
{
    const struct window *window = next_closed(closed);
    if (window == NULL)
        witness_fail(ledger->witness, CHECK_WINDOWS, ledger->host,
                     "the window [%" PRId64 ", %" PRId64 ") is missing", ledger->now.window_ms, end_ms);
    else
        compare(ledger, window, end_ms);
}

void ledger_step_over(struct ledger *ledger, struct ledger_closed *closed)
{
    const struct window *window = next_closed(closed);
    if (window != NULL)
        witness_fail(ledger->witness, CHECK_WINDOWS, ledger->host,
                     "a window too many: [%" PRId64 ", %" PRId64 ")", window->start_ms, window->end_ms);
}

/* ---- event time ---------------------------------------------------------------------------------------- */

static void begin_anew(struct ledger *ledger, int64_t now_ms, struct ledger_closed *closed)
{
    struct ledger_state *now = &ledger->now;
    if (now->event_ms > now->window_ms)
        close_window(ledger, now->event_ms, closed);
    now->event_ms = now_ms;
    begin_window(now, now_ms);
}

void ledger_move(struct ledger *ledger, int64_t now_ms, struct ledger_closed *closed)
{
    struct ledger_state *now = &ledger->now;
    if (!now->begun) {
        now->begun = true;
        now->event_ms = now_ms;
        begin_window(now, now_ms);
    }
    if (now_ms < now->event_ms - FAR_AHEAD_MS)
        begin_anew(ledger, now_ms, closed);
    if (now_ms <= now->event_ms)
        return;
    for (int count = 0;; count++) {
        int64_t end_ms = window_start(now->window_ms) + WINDOW_MS;
        if (end_ms > now_ms || ledger->witness->failed != CHECK_NONE)
            break;
        if (count >= PEAK_CATCH_UP_MAX && !follows(now, closed)) { /* a longer pause leaves a gap */
            const struct window *window = peek_closed(closed);
            begin_window(now, window != NULL ? window->start_ms : now_ms);
            continue;
        }
        close_window(ledger, end_ms, closed);
        begin_window(now, end_ms);
    }
    now->event_ms = now_ms;
}

void ledger_number_for(struct ledger *ledger, int farm)
{
    struct ledger_state *now = &ledger->now;
    now->farm = farm;
    if (farm == LEDGER_NO_FARM || farm == now->queue_farm)
        return;
    now->queue_farm = farm;
    now->queued = 0;
    ledger->books[farm].left_behind = now->closed[farm];
}

/* A farm without windows may begin anywhere: past all that can have been used, if the store cannot know. */
static void check_next(struct ledger *ledger, int farm, uint64_t next_sequence)
{
    struct book *book = &ledger->books[farm];
    book->left_behind = 0;
    if (ledger->now.closed[farm] == 0 && next_sequence > 0)
        book->base = next_sequence - 1;
    if (next_sequence != book->base + ledger->now.closed[farm] + 1)
        witness_fail(ledger->witness, CHECK_SEQUENCE, ledger->host,
                     "a start goes on with sequence %" PRIu64 ", not %" PRIu64, next_sequence,
                     book->base + ledger->now.closed[farm] + 1);
}

/* The running window goes on where it was stored. */
void ledger_restart(struct ledger *ledger, const struct ledger_state *stored, int farm, int queue_farm,
                    const struct core_saved *saved, int64_t now_ms)
{
    struct ledger_state *now = &ledger->now;
    ledger_state_copy(now, stored);
    now->farm = farm;
    now->queue_farm = queue_farm;
    now->queued = saved->unsent_count;
    if (queue_farm != LEDGER_NO_FARM)
        check_next(ledger, queue_farm, saved->next_sequence);
    if (!now->begun)
        return;
    int64_t end_ms = window_start(now->window_ms) + WINDOW_MS;
    now->event_ms = now_ms >= end_ms ? end_ms - 1 : now_ms;
    if (now->event_ms < now->window_ms)
        now->event_ms = now->window_ms;
}

/* ---- what becomes of them ------------------------------------------------------------------------------ */

void ledger_durable(struct ledger *ledger, const struct ledger_state *stored)
{
    for (size_t farm = 0; farm < LEDGER_FARMS_MAX; farm++) {
        struct book *book = &ledger->books[farm];
        for (size_t i = stored->closed[farm]; i > 0 && !book->entries[i - 1].durable; i--)
            book->entries[i - 1].durable = true;
    }
}

static struct entry *find(struct ledger *ledger, int farm, uint64_t sequence)
{
    struct book *book = &ledger->books[farm];
    bool known = sequence > book->base && sequence - book->base <= book->count;
    return known ? &book->entries[sequence - book->base - 1] : NULL;
}

static bool is_same(const struct window *a, const struct window *b)
{
    return a->start_ms == b->start_ms && a->end_ms == b->end_ms && a->peak_at_ms == b->peak_at_ms &&
           a->peak_users == b->peak_users && a->users_at_end == b->users_at_end &&
           a->exempt_peak == b->exempt_peak && a->hosts == b->hosts;
}

void ledger_sent(struct ledger *ledger, const struct window *windows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct entry *entry =
            ledger->now.farm == LEDGER_NO_FARM ? NULL : find(ledger, ledger->now.farm, windows[i].sequence);
        if (entry == NULL || !entry->durable)
            witness_fail(ledger->witness, CHECK_DURABLE_FIRST, ledger->host,
                         "window %" PRIu64 " is sent and not on the disk", windows[i].sequence);
        else if (!is_same(&entry->window, &windows[i]))
            witness_fail(ledger->witness, CHECK_CONSERVATION, ledger->host,
                         "window %" PRIu64 " is sent with a peak of %u, it was seen with %u",
                         windows[i].sequence, windows[i].peak_users, entry->window.peak_users);
        if (i > 0 && windows[i].sequence <= windows[i - 1].sequence)
            witness_fail(ledger->witness, CHECK_SEQUENCE, ledger->host,
                         "window %" PRIu64 " is sent behind window %" PRIu64, windows[i].sequence,
                         windows[i - 1].sequence);
    }
}

void ledger_judged(struct ledger *ledger, int farm, const struct window *window, bool accepted, bool repeated)
{
    struct entry *entry = find(ledger, farm, window->sequence);
    uint8_t fate = accepted ? ENTRY_ACCEPTED : ENTRY_REFUSED;
    if (repeated)
        witness_note(ledger->witness, HAPPENED_WINDOW_REPEATED);
    if (entry == NULL)
        witness_fail(ledger->witness, CHECK_CONSERVATION, ledger->host,
                     "the authority has window %" PRIu64 ", which was never closed", window->sequence);
    else if (!is_same(&entry->window, window))
        witness_fail(ledger->witness, CHECK_CONSERVATION, ledger->host,
                     "the authority has another window %" PRIu64 " than was closed", window->sequence);
    else if (entry->fate != ENTRY_OPEN && (entry->fate != fate || !repeated))
        witness_fail(ledger->witness, CHECK_COUNTED_ONCE, ledger->host,
                     "the authority dealt with window %" PRIu64 " once more", window->sequence);
    else
        entry->fate = fate;
}

void ledger_acknowledged(struct ledger *ledger, int farm, uint64_t sequence)
{
    struct entry *entry = find(ledger, farm, sequence);
    if (entry == NULL || entry->fate == ENTRY_OPEN)
        witness_fail(ledger->witness, CHECK_CONSERVATION, ledger->host,
                     "window %" PRIu64 " left the queue, and the authority never had it", sequence);
    if (ledger->now.queued == 0)
        witness_fail(ledger->witness, CHECK_CONSERVATION, ledger->host,
                     "window %" PRIu64 " left an empty queue", sequence);
    else
        ledger->now.queued--;
}

void ledger_dropped(struct ledger *ledger, uint64_t sequence)
{
    if (ledger->now.queued < REPORTER_QUEUE_MAX)
        witness_fail(ledger->witness, CHECK_CONSERVATION, ledger->host,
                     "window %" PRIu64 " was dropped from a queue of %zu", sequence, ledger->now.queued);
    struct entry *entry = find(ledger, ledger->now.queue_farm, sequence);
    if (entry != NULL && entry->fate == ENTRY_OPEN)
        entry->fate = ENTRY_DROPPED;
    ledger->now.queued--;
}

void ledger_draw_line(struct ledger *ledger)
{
    ledger->line_farm = ledger->now.farm;
    ledger->line = ledger->line_farm == LEDGER_NO_FARM ? 0 : ledger->now.closed[ledger->line_farm];
}

void ledger_check_healed(struct ledger *ledger)
{
    if (ledger->line_farm == LEDGER_NO_FARM || ledger->line_farm != ledger->now.farm)
        return;
    const struct book *book = &ledger->books[ledger->line_farm];
    for (size_t i = book->left_behind; i < ledger->line; i++) {
        if (book->entries[i].fate == ENTRY_OPEN)
            witness_fail(ledger->witness, CHECK_NONE_MISSING, ledger->host,
                         "window %zu of %" PRIu64 " never reached the authority", i + 1, ledger->line);
    }
}

void ledger_check_account(struct ledger *ledger, int farm, uint64_t windows, uint64_t users)
{
    const struct book *book = &ledger->books[farm];
    uint64_t accepted = 0, users_accepted = 0;
    for (size_t i = 0; i < book->count; i++) {
        if (book->entries[i].fate != ENTRY_ACCEPTED)
            continue;
        accepted++;
        users_accepted += book->entries[i].window.peak_users;
    }
    if (windows != accepted || users != users_accepted)
        witness_fail(ledger->witness, CHECK_COUNTED_ONCE, ledger->host,
                     "the authority counts %" PRIu64 " windows and %" PRIu64 " users; there were %" PRIu64
                     " and %" PRIu64,
                     windows, users, accepted, users_accepted);
}
