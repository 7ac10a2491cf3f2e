#include "book.h"

#include <stdlib.h>
#include <string.h>

#define HEADS_FIRST 64

/* ---- changes ------------------------------------------------------------------------------------------- */

static const char *lay(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *laid = memcpy(*at, text, bytes);
    *at += bytes;
    return laid;
}

struct kept_change *kept_create(const struct change *change)
{
    size_t bytes =
        strlen(change->host) + strlen(change->id) + strlen(change->user) + strlen(change->boot_id) + 4;
    struct kept_change *kept = malloc(sizeof *kept + bytes);
    if (kept == NULL)
        return NULL;
    char *at = kept->texts;
    *kept = (struct kept_change){.number = change->number,
                                 .at_ms = change->at_ms,
                                 .connected_at_ms = change->connected_at_ms,
                                 .type = change->type,
                                 .more = change->more,
                                 .kind = change->kind,
                                 .route = change->route,
                                 .state = change->state,
                                 .administrator = change->administrator};
    kept->host = lay(&at, change->host);
    kept->id = lay(&at, change->id);
    kept->user = lay(&at, change->user);
    kept->boot_id = lay(&at, change->boot_id);
    return kept;
}

struct change kept_change(const struct kept_change *kept)
{
    struct change change = {.number = kept->number,
                            .at_ms = kept->at_ms,
                            .type = kept->type,
                            .more = kept->more,
                            .connected_at_ms = kept->connected_at_ms,
                            .kind = kept->kind,
                            .route = kept->route,
                            .state = kept->state,
                            .administrator = kept->administrator};
    memcpy(change.host, kept->host, strlen(kept->host) + 1);
    memcpy(change.id, kept->id, strlen(kept->id) + 1);
    memcpy(change.user, kept->user, strlen(kept->user) + 1);
    memcpy(change.boot_id, kept->boot_id, strlen(kept->boot_id) + 1);
    return change;
}

bool kept_equal(const struct kept_change *one, const struct kept_change *other)
{
    return one->connected_at_ms == other->connected_at_ms && one->kind == other->kind &&
           one->route == other->route && one->state == other->state &&
           one->administrator == other->administrator && strcmp(one->user, other->user) == 0;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

static uint32_t hash_of(const struct book *book, const char *host, const char *id)
{
    struct keyed_hash hash = keyed_hash_begin(&book->keys);
    keyed_hash_text(&hash, host, strlen(host));
    keyed_hash_text(&hash, id, strlen(id));
    return keyed_hash_end(&book->keys, hash);
}

static struct book_line **head_of(const struct book *book, uint32_t hash)
{
    return &book->heads[hash & (book->head_count - 1)];
}

struct book_line *book_find(const struct book *book, const char *host, const char *id)
{
    uint32_t hash = hash_of(book, host, id);
    struct book_line *line = *head_of(book, hash);
    while (line != NULL &&
           (line->hash != hash || strcmp(line->kept->id, id) != 0 || strcmp(line->kept->host, host) != 0))
        line = line->next;
    return line;
}

/* Without memory its chains grow instead. */
static void make_room(struct book *book)
{
    struct book old = *book;
    struct book_cursor cursor = {0};
    struct book_line *line;
    if (book->count < book->head_count)
        return;
    struct book_line **heads = calloc(book->head_count * 2, sizeof(struct book_line *));
    if (heads == NULL)
        return;
    book->heads = heads;
    book->head_count *= 2;
    while ((line = book_next(&old, &cursor)) != NULL) {
        struct book_line **head = head_of(book, line->hash);
        line->next = *head;
        *head = line;
    }
    free(old.heads);
}

struct book_line *book_write(struct book *book, const struct change *change)
{
    struct kept_change *kept = kept_create(change);
    struct book_line *line = book_find(book, change->host, change->id);
    if (kept == NULL)
        return NULL;
    if (line == NULL) {
        line = calloc(1, sizeof *line);
        if (line == NULL) {
            free(kept);
            return NULL;
        }
        make_room(book);
        line->hash = hash_of(book, change->host, change->id);
        struct book_line **head = head_of(book, line->hash);
        line->next = *head;
        *head = line;
        book->count++;
    }
    free(line->kept);
    line->kept = kept;
    line->ended = false;
    return line;
}

void book_strike(struct book *book, struct book_line *line)
{
    struct book_line **link = head_of(book, line->hash);
    while (*link != line)
        link = &(*link)->next;
    *link = line->next;
    book->count--;
    free(line->kept);
    free(line);
}

struct book_line *book_next(const struct book *book, struct book_cursor *cursor)
{
    if (!cursor->begun) {
        cursor->begun = true;
        cursor->next = book->heads[0];
    }
    while (cursor->next == NULL && ++cursor->head < book->head_count)
        cursor->next = book->heads[cursor->head];
    struct book_line *line = cursor->next;
    if (line != NULL)
        cursor->next = line->next;
    return line;
}

bool book_init(struct book *book, const uint8_t seed[KEYED_HASH_SEED_BYTES])
{
    *book = (struct book){.head_count = HEADS_FIRST};
    keyed_hash_expand(seed, &book->keys);
    book->heads = calloc(HEADS_FIRST, sizeof(struct book_line *));
    return book->heads != NULL;
}

void book_finish(struct book *book)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    while (book->heads != NULL && (line = book_next(book, &cursor)) != NULL) {
        free(line->kept);
        free(line);
    }
    free(book->heads);
    book->heads = NULL;
}
