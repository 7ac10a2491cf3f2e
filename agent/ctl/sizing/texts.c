#include "texts.h"

#include <stdlib.h>

void texts_init(struct texts *texts)
{
    static const uint8_t seed[KEYED_HASH_SEED_BYTES] = {0}; /* nobody gains by texts that collide */
    *texts = (struct texts){0};
    keyed_hash_expand(seed, &texts->keys);
}

void texts_finish(struct texts *texts)
{
    for (uint32_t i = 0; i < texts->count; i++)
        free(texts->texts[i]);
    free(texts->texts);
    hash_index_finish(&texts->index);
}

static bool reserve(struct texts *texts)
{
    if (!hash_index_reserve(&texts->index))
        return false;
    if (texts->count < texts->room)
        return true;
    uint32_t room = texts->room == 0 ? 64 : texts->room * 2;
    char **grown = realloc(texts->texts, room * sizeof *grown);
    if (grown == NULL)
        return false;
    texts->texts = grown;
    texts->room = room;
    return true;
}

bool texts_number(struct texts *texts, const char *text, uint32_t *ret_number)
{
    struct keyed_hash state = keyed_hash_begin(&texts->keys);
    keyed_hash_text(&state, text, strlen(text));
    uint32_t hash = keyed_hash_end(&texts->keys, state);
    uint32_t position = hash_index_home(&texts->index, hash), number;
    while ((number = hash_index_candidate(&texts->index, hash, &position)) != HASH_INDEX_NONE) {
        if (strcmp(texts->texts[number], text) != 0)
            continue;
        *ret_number = number;
        return true;
    }
    char *copy = reserve(texts) ? strdup(text) : NULL;
    if (copy == NULL)
        return false;
    texts->texts[texts->count] = copy;
    hash_index_add(&texts->index, hash, texts->count);
    *ret_number = texts->count++;
    return true;
}
