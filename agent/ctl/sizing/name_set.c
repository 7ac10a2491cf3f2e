#include "name_set.h"

#include <stdlib.h>

void name_set_init(struct name_set *set, const uint8_t seed[KEYED_HASH_SEED_BYTES])
{
    *set = (struct name_set){0};
    keyed_hash_expand(seed, &set->keys);
}

void name_set_finish(struct name_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->names[i]);
    free(set->names);
    hash_index_finish(&set->index);
    set->names = NULL;
    set->count = set->room = 0;
}

static bool is_in(const struct name_set *set, uint32_t hash, const char *name)
{
    uint32_t position = hash_index_home(&set->index, hash), number;
    while ((number = hash_index_candidate(&set->index, hash, &position)) != HASH_INDEX_NONE)
        if (strcmp(set->names[number], name) == 0)
            return true;
    return false;
}

static bool reserve(struct name_set *set)
{
    if (!hash_index_reserve(&set->index))
        return false;
    if (set->count < set->room)
        return true;
    size_t room = set->room == 0 ? 64 : set->room * 2;
    char **names = realloc(set->names, room * sizeof *names);
    if (names == NULL)
        return false;
    set->names = names;
    set->room = room;
    return true;
}

static uint32_t hash_of(const struct name_set *set, const char *name)
{
    struct keyed_hash state = keyed_hash_begin(&set->keys);
    keyed_hash_text(&state, name, strlen(name));
    return keyed_hash_end(&set->keys, state);
}

bool name_set_has(const struct name_set *set, const char *name)
{
    return set->count > 0 && is_in(set, hash_of(set, name), name);
}

bool name_set_add(struct name_set *set, const char *name)
{
    uint32_t hash = hash_of(set, name);
    if (is_in(set, hash, name))
        return true;
    char *copy = reserve(set) ? strdup(name) : NULL;
    if (copy == NULL)
        return false;
    set->names[set->count] = copy;
    hash_index_add(&set->index, hash, (uint32_t)set->count++);
    return true;
}
