/* store_journal.c - the farm's journal (farm/journal.h) in the database: copied on the loop, written on the
 * pool as a part of the group's transaction. */
#include "store_private.h"

#include <string.h>

/* ---- copied -------------------------------------------------------------------------------------------- */

/* True for NULL too. */
static bool keep(struct store_arena *arena, const char **text)
{
    if (*text != NULL)
        *text = store_arena_text(arena, *text);
    return *text != NULL;
}

static bool keep_entry(struct store_arena *arena, const struct farm_journal_entry *entry,
                       struct farm_journal_entry *ret)
{
    bool kept;
    *ret = *entry;
    kept = keep(arena, &ret->text) && (entry->key == NULL || keep(arena, &ret->key));
    for (size_t i = 0; i < 2; i++)
        kept = kept && (entry->swept[i] == NULL || keep(arena, &ret->swept[i]));
    return kept;
}

struct farm_journal_write *store_journal_copy(struct store_arena *arena,
                                              const struct farm_journal_write *write)
{
    struct farm_journal_write *copy = store_arena_take(arena, sizeof(*copy));
    struct farm_journal_entry *entries = store_arena_take(arena, (write->count + 1) * sizeof(*entries));
    if (!copy || !entries)
        return NULL;
    *copy = *write;
    copy->entries = entries;
    if (write->line && !keep(arena, &copy->line))
        return NULL;
    for (size_t i = 0; i < write->count; i++)
        if (!keep_entry(arena, &write->entries[i], &entries[i]))
            return NULL;
    return copy;
}

/* ---- written ------------------------------------------------------------------------------------------- */

static int put_key(struct store_database *database, const struct farm_journal_entry *entry,
                   struct error_detail *ret_detail)
{
    int error = 0;
    for (size_t i = 0; i < 2 && error == 0; i++)
        if (entry->swept[i])
            error = store_database_run(database, STATEMENT_TOLD_SWEEP, ret_detail, "t", entry->swept[i]);
    if (error != 0 || !entry->key)
        return error;
    if (entry->ended)
        return store_database_run(database, STATEMENT_TOLD_END, ret_detail, "t", entry->key);
    return store_database_run(database, STATEMENT_TOLD_PUT, ret_detail, "tt", entry->key, entry->text);
}

static int begin_line(struct store_database *database, const struct farm_journal_write *write,
                      struct error_detail *ret_detail)
{
    int error = 0;
    if (write->line)
        error = store_database_run(database, STATEMENT_JOURNAL_CLEAR, ret_detail, "");
    if (error == 0 && write->line)
        error = store_database_run(database, STATEMENT_LINE_PUT, ret_detail, "t", write->line);
    if (error == 0 && write->forget)
        error = store_database_run(database, STATEMENT_TOLD_CLEAR, ret_detail, "");
    return error;
}

int store_journal_put(struct store_database *database, const struct farm_journal_write *write,
                      struct error_detail *ret_detail)
{
    int error = begin_line(database, write, ret_detail);
    for (size_t i = 0; i < write->count && error == 0; i++) {
        const struct farm_journal_entry *entry = &write->entries[i];
        error = put_key(database, entry, ret_detail);
        if (error == 0 && entry->number > write->drop_through)
            error = store_database_run(database, STATEMENT_JOURNAL_PUT, ret_detail, "it",
                                       (int64_t)entry->number, entry->text);
    }
    if (error == 0)
        error = store_database_run(database, STATEMENT_JOURNAL_DROP, ret_detail, "i",
                                   (int64_t)write->drop_through);
    if (error == 0)
        error = store_database_run(database, STATEMENT_LINE_THROUGH, ret_detail, "ii",
                                   (int64_t)write->drop_through, (int64_t)write->sure_through);
    return error;
}
