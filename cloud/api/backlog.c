#include "cloud/api/backlog.h"

unsigned backlog_send_away(struct backlog *backlog, uint32_t chance, int64_t now_ms)
{
    if (backlog->clear_ms < now_ms)
        backlog->clear_ms = now_ms;
    if (backlog->clear_ms - now_ms < BACKLOG_SPREAD_MS_MAX)
        backlog->clear_ms += BACKLOG_TURN_MS;
    int64_t spread_ms = backlog->clear_ms - now_ms;
    if (spread_ms < BACKLOG_SPREAD_MS_MIN)
        spread_ms = BACKLOG_SPREAD_MS_MIN;
    return 1 + (unsigned)(chance % (spread_ms / 1000));
}
