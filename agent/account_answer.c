#include "account_answer.h"

#include <stdlib.h>
#include <string.h>

bool account_names_add(struct account_names *names, const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *text = realloc(names->text, names->bytes + bytes);
    if (!text)
        return false;
    memcpy(text + names->bytes, name, bytes);
    names->text = text;
    names->bytes += bytes;
    names->count++;
    return true;
}

struct account_answer *account_answer_create(bool exists, bool superuser, const struct account_names *names)
{
    size_t pointers = names->count * sizeof(char *);
    struct account_answer *answer = malloc(sizeof(*answer) + pointers + names->bytes);
    if (!answer)
        return NULL;
    *answer = (struct account_answer){.exists = exists, .superuser = superuser, .group_count = names->count};
    answer->groups = (const char **)(void *)(answer + 1);
    char *text = (char *)(answer + 1) + pointers;
    if (names->bytes > 0)
        memcpy(text, names->text, names->bytes);
    for (size_t i = 0; i < names->count; i++, text += strlen(text) + 1)
        answer->groups[i] = text;
    return answer;
}
