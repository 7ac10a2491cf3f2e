#include "reclaim.h"

#include "roster.h"

#include <string.h>

bool reclaim_would_end(const struct connection *connection)
{
    return connection->state == CONNECTION_DISCONNECTED && connection->administrator == ADMINISTRATOR_NO;
}

bool reclaim_may_end(const struct tally_entry *entry)
{
    return reclaim_would_end(&entry->connection) && entry->reason == TALLY_COUNTED &&
           (entry->tag & REPORTED_BY_HOST) != 0;
}

struct search {
    const char *host; /* NULL: any */
    bool keeps;       /* there is one that consumes and stays */
};

static bool look_for_one_that_stays(void *data, const struct tally_entry *entry)
{
    struct search *search = data;
    bool ends = reclaim_would_end(&entry->connection) &&
                (search->host == NULL || strcmp(search->host, entry->connection.host) == 0);
    search->keeps = entry->reason == TALLY_COUNTED && !ends;
    return !search->keeps;
}

bool reclaim_saves_user(const struct tally *tally, const char *user, const char *host)
{
    struct tally_user stands;
    struct search search = {.host = host};
    if (!tally_user(tally, user, &stands) || stands.consuming == 0)
        return false;
    tally_each(tally, NULL, user, look_for_one_that_stays, &search);
    return !search.keeps;
}

struct sum {
    const struct tally *tally;
    const char *host;
    uint32_t users;
};

static bool add(void *data, const struct tally_user *user)
{
    struct sum *sum = data;
    sum->users += reclaim_saves_user(sum->tally, user->name, sum->host);
    return true;
}

uint32_t reclaim_saves(const struct tally *tally, const char *user, const char *host)
{
    struct sum sum = {.tally = tally, .host = host};
    if (user != NULL)
        return reclaim_saves_user(tally, user, host);
    tally_each_user(tally, add, &sum);
    return sum.users;
}
