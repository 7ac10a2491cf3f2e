#include "disconnected.h"

#include "agent/core/reclaim.h"

#include <stdlib.h>

struct row {
    const char *counted_as; /* the tally has one name a user */
    bool would_save;
};

static int by_user(const void *left, const void *right)
{
    const char *one = (*(struct row *const *)left)->counted_as,
               *other = (*(struct row *const *)right)->counted_as;
    return one < other ? -1 : one > other;
}

/* Of each user once, however many connections there are. */
static void ask_by_user(struct row **sorted, size_t count, const struct tally *tally, const char *host)
{
    qsort(sorted, count, sizeof(*sorted), by_user);
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && sorted[i]->counted_as == sorted[i - 1]->counted_as;
        sorted[i]->would_save =
            same ? sorted[i - 1]->would_save : reclaim_saves_user(tally, sorted[i]->counted_as, host);
    }
}

/* In the order of the list; NULL without memory. */
static struct row *rows_create(const struct show_list *list, const struct tally *tally, const char *host)
{
    struct row *rows = malloc((list->count + 1) * sizeof(*rows));
    struct row **sorted = malloc((list->count + 1) * sizeof(*sorted));
    if (!rows || !sorted) {
        free(rows);
        free(sorted);
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct tally_user user;
        (void)tally_user(tally, list->entries[i].connection.user, &user);
        rows[i].counted_as = user.name;
        sorted[i] = &rows[i];
    }
    ask_by_user(sorted, list->count, tally, host);
    free(sorted);
    return rows;
}

bool disconnected_show(struct json_writer *writer, const struct core *core, const struct show_list *list,
                       const char *user, const char *host)
{
    const struct tally *tally = core_tally(core);
    struct row *rows = rows_create(list, tally, host);
    json_open_array(writer, "connections");
    for (size_t i = 0; rows && i < list->count; i++) {
        const struct tally_entry *entry = &list->entries[i];
        bool would_save =
            rows[i].would_save && entry->reason == TALLY_COUNTED && reclaim_would_end(&entry->connection);
        show_connection(writer, core, entry,
                        &(struct show_beside){.counted_as = rows[i].counted_as, .would_save = &would_save});
    }
    json_close_array(writer);
    json_integer(writer, "would_save", reclaim_saves(tally, user, host));
    bool shown = rows != NULL;
    free(rows);
    return shown;
}
