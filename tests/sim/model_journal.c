#include "model_journal.h"

#include "tests/property/chance.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define WRITES_MAX 64
#define LINE_ROOM  64

struct row {
    uint64_t number; /* a change's; 0: of a key */
    char *key, *text;
};

struct rows {
    struct row *rows;
    size_t count;
};

struct write {
    char *line;
    bool forget;
    uint64_t drop_through, sure_through;
    struct farm_journal_entry *entries;
    size_t count;
    farm_journal_done_fn *done;
    void *data;
    int64_t due_ms;
};

struct model_journal {
    char line[LINE_ROOM];
    uint64_t through, sure_through, chance;
    struct rows told, changes;
    struct write writes[WRITES_MAX];
    size_t write_count;
    int64_t now_ms, write_ms_max;
    bool fails;
    const char **told_texts, **change_texts;
};

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static char *copy(const char *text)
{
    return text == NULL ? NULL : must(strdup(text));
}

static void row_free(struct row *row)
{
    free(row->key);
    free(row->text);
}

static void rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        row_free(&rows->rows[i]);
    free(rows->rows);
    *rows = (struct rows){.rows = NULL};
}

static void rows_add(struct rows *rows, uint64_t number, const char *key, const char *text)
{
    rows->rows = must(realloc(rows->rows, (rows->count + 1) * sizeof *rows->rows));
    rows->rows[rows->count++] = (struct row){number, copy(key), copy(text)};
}

/* Those whose key begins so, or is it. */
static void rows_remove(struct rows *rows, const char *key, bool prefix)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->rows[i];
        if (prefix ? strncmp(row->key, key, strlen(key)) == 0 : strcmp(row->key, key) == 0)
            row_free(row);
        else
            rows->rows[kept++] = *row;
    }
    rows->count = kept;
}

static void drop(struct model_journal *journal, uint64_t through)
{
    size_t kept = 0;
    for (size_t i = 0; i < journal->changes.count; i++)
        if (journal->changes.rows[i].number <= through)
            row_free(&journal->changes.rows[i]);
        else
            journal->changes.rows[kept++] = journal->changes.rows[i];
    journal->changes.count = kept;
    journal->through = through;
}

static void apply(struct model_journal *journal, const struct write *write)
{
    if (write->line != NULL) {
        rows_clear(&journal->changes);
        memcpy(journal->line, write->line, strlen(write->line) + 1);
    }
    if (write->forget)
        rows_clear(&journal->told);
    for (size_t i = 0; i < write->count; i++) {
        const struct farm_journal_entry *entry = &write->entries[i];
        for (size_t k = 0; k < 2; k++)
            if (entry->swept[k] != NULL)
                rows_remove(&journal->told, entry->swept[k], true);
        if (entry->key != NULL)
            rows_remove(&journal->told, entry->key, false);
        if (entry->key != NULL && !entry->ended)
            rows_add(&journal->told, 0, entry->key, entry->text);
        if (entry->number > 0)
            rows_add(&journal->changes, entry->number, "", entry->text);
    }
    drop(journal, write->drop_through);
    journal->sure_through = write->sure_through;
}

static void write_free(struct write *write)
{
    for (size_t i = 0; i < write->count; i++) {
        struct farm_journal_entry *entry = &write->entries[i];
        free((void *)(uintptr_t)entry->text);
        free((void *)(uintptr_t)entry->key);
        free((void *)(uintptr_t)entry->swept[0]);
        free((void *)(uintptr_t)entry->swept[1]);
    }
    free(write->entries);
    free(write->line);
}

static int port_write(void *data, const struct farm_journal_write *asked, farm_journal_done_fn *done,
                      void *done_data)
{
    struct model_journal *journal = data;
    if (journal->write_count == WRITES_MAX)
        abort();
    struct write *write = &journal->writes[journal->write_count++];
    *write = (struct write){.line = copy(asked->line),
                            .forget = asked->forget,
                            .drop_through = asked->drop_through,
                            .sure_through = asked->sure_through,
                            .count = asked->count,
                            .entries = must(calloc(asked->count + 1, sizeof *write->entries)),
                            .done = done,
                            .data = done_data,
                            .due_ms = journal->now_ms};
    if (journal->write_ms_max > 0)
        write->due_ms += (int64_t)chance_below(&journal->chance, (unsigned)journal->write_ms_max + 1);
    for (size_t i = 0; i < asked->count; i++) {
        const struct farm_journal_entry *entry = &asked->entries[i];
        write->entries[i] = (struct farm_journal_entry){
            .number = entry->number,
            .text = copy(entry->text),
            .key = copy(entry->key),
            .ended = entry->ended,
            .swept = {copy(entry->swept[0]), copy(entry->swept[1])},
        };
    }
    return 0;
}

struct farm_journal model_journal_port(struct model_journal *journal)
{
    return (struct farm_journal){.write = port_write, .journal = journal};
}

void model_journal_weather(struct model_journal *journal, int64_t write_ms_max, bool fails)
{
    journal->write_ms_max = write_ms_max;
    journal->fails = fails;
}

int64_t model_journal_due_ms(const struct model_journal *journal)
{
    return journal->write_count == 0 ? INT64_MAX : journal->writes[0].due_ms;
}

static struct write take_first(struct model_journal *journal)
{
    struct write first = journal->writes[0];
    journal->write_count--;
    memmove(journal->writes, journal->writes + 1, journal->write_count * sizeof *journal->writes);
    return first;
}

void model_journal_pass(struct model_journal *journal, int64_t now_ms)
{
    journal->now_ms = now_ms;
    while (model_journal_due_ms(journal) <= now_ms) {
        struct write write = take_first(journal);
        if (!journal->fails)
            apply(journal, &write);
        write.done(write.data, journal->fails ? ERROR_FULL : 0, journal->fails ? "the disk is full" : NULL);
        write_free(&write);
    }
}

void model_journal_crash(struct model_journal *journal)
{
    bool lost = journal->fails;
    while (journal->write_count > 0) {
        struct write write = take_first(journal);
        lost = lost || chance_percent(&journal->chance, 50);
        if (!lost)
            apply(journal, &write);
        write_free(&write);
    }
}

void model_journal_lose(struct model_journal *journal)
{
    rows_clear(&journal->told);
    rows_clear(&journal->changes);
    journal->line[0] = '\0';
    journal->through = journal->sure_through = 0;
}

static const char **texts_of(const struct rows *rows)
{
    const char **texts = must(calloc(rows->count + 1, sizeof(const char *)));
    for (size_t i = 0; i < rows->count; i++)
        texts[i] = rows->rows[i].text;
    return texts;
}

struct farm_journal_kept model_journal_kept(struct model_journal *journal)
{
    free(journal->told_texts);
    free(journal->change_texts);
    journal->told_texts = texts_of(&journal->told);
    journal->change_texts = texts_of(&journal->changes);
    return (struct farm_journal_kept){.line = journal->line,
                                      .through = journal->through,
                                      .sure_through = journal->sure_through,
                                      .told = journal->told_texts,
                                      .told_count = journal->told.count,
                                      .changes = journal->change_texts,
                                      .change_count = journal->changes.count};
}

struct model_journal *model_journal_create(uint64_t seed)
{
    struct model_journal *journal = must(calloc(1, sizeof *journal));
    journal->chance = seed;
    return journal;
}

void model_journal_destroy(struct model_journal *journal)
{
    if (journal == NULL)
        return;
    while (journal->write_count > 0) {
        struct write write = take_first(journal);
        write_free(&write);
    }
    model_journal_lose(journal);
    free(journal->told_texts);
    free(journal->change_texts);
    free(journal);
}
