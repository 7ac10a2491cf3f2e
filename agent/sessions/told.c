#include "told.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS 7

/* The texts of a session, one by one. */
static void texts_of(struct session_facts *facts, const char **ret_texts[TEXTS])
{
    ret_texts[0] = &facts->host;
    ret_texts[1] = &facts->id;
    ret_texts[2] = &facts->user;
    ret_texts[3] = &facts->service;
    ret_texts[4] = &facts->type;
    ret_texts[5] = &facts->session_class;
    ret_texts[6] = &facts->remote_host;
}

static void free_session(struct told_session *session)
{
    free((void *)(uintptr_t)session->facts.host); /* the block that holds all its texts */
}

static int keep_session(const struct session_facts *facts, struct told_session *ret)
{
    struct told_session kept = {.facts = *facts};
    const char **texts[TEXTS];
    size_t bytes = 0;
    char *at;

    kept.facts.groups = NULL;
    kept.facts.group_count = 0;
    kept.facts.groups_known = false;
    texts_of(&kept.facts, texts);
    for (unsigned i = 0; i < TEXTS; i++)
        bytes += *texts[i] != NULL ? strlen(*texts[i]) + 1 : 0;
    at = malloc(bytes);
    if (at == NULL)
        return ERROR_NO_MEMORY;
    for (unsigned i = 0; i < TEXTS; i++) {
        if (*texts[i] == NULL)
            continue;
        bytes = strlen(*texts[i]) + 1;
        memcpy(at, *texts[i], bytes);
        *texts[i] = at;
        at += bytes;
    }
    *ret = kept;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct told_session *)a)->facts.id, ((const struct told_session *)b)->facts.id);
}

const struct told_session *told_set_find(const struct told_set *set, const char *id)
{
    const struct told_session key = {.facts = {.id = id}};

    if (set->count == 0)
        return NULL;
    return bsearch(&key, set->sessions, set->count, sizeof(key), compare);
}

static void carry_over(struct told_session *session, const struct told_set *before, int64_t now_ms)
{
    const struct told_session *known = told_set_find(before, session->facts.id);
    int64_t *connected_at_ms = &session->facts.connected_at_ms;

    if (known != NULL && strcmp(known->facts.user, session->facts.user) == 0) {
        if (*connected_at_ms == 0)
            *connected_at_ms = known->facts.connected_at_ms;
        session->handed_on = known->handed_on;
        session->waits_since_ms = known->waits_since_ms;
    } else if (*connected_at_ms == 0) {
        *connected_at_ms = now_ms;
    }
}

static void sort_once(struct told_set *set)
{
    size_t kept = 0;

    if (set->count > 0)
        qsort(set->sessions, set->count, sizeof(*set->sessions), compare);
    for (size_t i = 0; i < set->count; i++) {
        if (kept > 0 && compare(&set->sessions[kept - 1], &set->sessions[i]) == 0)
            free_session(&set->sessions[i]);
        else
            set->sessions[kept++] = set->sessions[i];
    }
    set->count = kept;
}

/* Adds what was known and is not told now; *fresh is sorted already. */
static int keep_missing(struct told_set *fresh, const struct told_set *before)
{
    const struct told_set sorted = *fresh;
    int r = 0;

    for (size_t i = 0; r == 0 && i < before->count; i++)
        if (told_set_find(&sorted, before->sessions[i].facts.id) == NULL) {
            r = keep_session(&before->sessions[i].facts, &fresh->sessions[fresh->count]);
            if (r == 0)
                carry_over(&fresh->sessions[fresh->count++], before, 0);
        }
    return r;
}

int told_set_replace(struct told_set *set, const struct session_facts *facts, size_t count, bool complete,
                     size_t count_max, int64_t now_ms)
{
    struct told_set fresh = {0};
    int r = 0;

    if (count > count_max)
        count = count_max;
    fresh.sessions = calloc(count + set->count + 1, sizeof(*fresh.sessions));
    if (fresh.sessions == NULL)
        return ERROR_NO_MEMORY;
    for (; r == 0 && fresh.count < count; fresh.count += r == 0) {
        r = keep_session(&facts[fresh.count], &fresh.sessions[fresh.count]);
        if (r == 0)
            carry_over(&fresh.sessions[fresh.count], set, now_ms);
    }
    sort_once(&fresh);
    if (r == 0 && !complete)
        r = keep_missing(&fresh, set);
    if (r < 0) {
        told_set_finish(&fresh);
        return r;
    }
    sort_once(&fresh);
    told_set_finish(set);
    *set = fresh;
    return 0;
}

void told_set_finish(struct told_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free_session(&set->sessions[i]);
    free(set->sessions);
    *set = (struct told_set){0};
}
