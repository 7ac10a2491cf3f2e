#include "gone.h"

#include "common/room.h"

#include <stdlib.h>

#define NONE UINT32_MAX /* no such session */

struct gone_session {
    int64_t since_ms;
    uint32_t before, behind;
    bool is_in;
};

void gone_init(struct gone *gone)
{
    *gone = (struct gone){.last = NONE};
    for (int i = 0; i < SIZING_SAVINGS; i++)
        gone->next[i] = NONE;
}

void gone_finish(struct gone *gone)
{
    free(gone->sessions);
    gone_init(gone);
}

bool gone_has(const struct gone *gone, uint32_t number)
{
    return number < gone->room && gone->sessions[number].is_in;
}

bool gone_add(struct gone *gone, uint32_t number, int64_t now_ms)
{
    void *sessions = gone->sessions;
    if (!room_reserve(&sessions, &gone->room, (size_t)number + 1, sizeof *gone->sessions))
        return false;
    gone->sessions = sessions;
    gone->sessions[number] =
        (struct gone_session){.since_ms = now_ms, .before = gone->last, .behind = NONE, .is_in = true};
    if (gone->last != NONE)
        gone->sessions[gone->last].behind = number;
    gone->last = number;
    for (int i = 0; i < SIZING_SAVINGS; i++)
        if (gone->next[i] == NONE)
            gone->next[i] = number;
    return true;
}

void gone_remove(struct gone *gone, uint32_t number)
{
    if (!gone_has(gone, number))
        return;
    struct gone_session *session = &gone->sessions[number];
    session->is_in = false;
    for (int i = 0; i < SIZING_SAVINGS; i++)
        if (gone->next[i] == number)
            gone->next[i] = session->behind;
    if (session->before != NONE)
        gone->sessions[session->before].behind = session->behind;
    if (session->behind != NONE)
        gone->sessions[session->behind].before = session->before;
    else
        gone->last = session->before;
}

bool gone_take_next(struct gone *gone, int saving, int64_t before_ms, uint32_t *ret_number)
{
    uint32_t number = gone->next[saving];
    if (number == NONE || gone->sessions[number].since_ms >= before_ms)
        return false;
    gone->next[saving] = gone->sessions[number].behind;
    *ret_number = number;
    return true;
}
