#include "support_names.h"

#include "common/text_buffer.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_GROUPS      5
#define KEY_GROUP_BYTES 5
#define KEY_BYTES       (KEY_GROUPS * (KEY_GROUP_BYTES + 1) - 1)

struct name {
    char *text; /* as it stands in a text, or in JSON */
    char pseudonym[SUPPORT_PSEUDONYM_BYTES];
};

struct support_names {
    uint8_t key[SUPPORT_NAMES_KEY_BYTES];
    struct name *names;
    size_t count, room;
    bool sorted;
};

struct support_names *support_names_create(const uint8_t key[SUPPORT_NAMES_KEY_BYTES])
{
    struct support_names *names = calloc(1, sizeof(*names));
    if (names)
        memcpy(names->key, key, sizeof(names->key));
    return names;
}

void support_names_destroy(struct support_names *names)
{
    if (!names)
        return;
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i].text);
    free(names->names);
    free(names);
}

/* --- collecting ----------------------------------------------------------------------------- */

/* Windows' names are the same in any case. */
static void make_pseudonym(const struct support_names *names, const char *name,
                           char ret[SUPPORT_PSEUDONYM_BYTES])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint8_t hash[crypto_generichash_BYTES];
    crypto_generichash_state state;
    bool folds = strpbrk(name, "\\@") != NULL;
    (void)crypto_generichash_init(&state, names->key, sizeof(names->key), sizeof(hash));
    for (const char *at = name; *at; at++) {
        uint8_t byte = (uint8_t)(folds ? tolower((unsigned char)*at) : *at);
        (void)crypto_generichash_update(&state, &byte, 1);
    }
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    size_t used = (size_t)snprintf(ret, SUPPORT_PSEUDONYM_BYTES, "person-");
    for (size_t i = 0; i < 8; i++)
        ret[used++] = digits[hash[i] & 31];
    ret[used] = '\0';
}

static bool add(struct support_names *names, const char *text, const char *pseudonym)
{
    if (names->count == SUPPORT_NAMES_MAX * 2)
        return false;
    if (names->count == names->room) {
        size_t room = names->room ? 2 * names->room : 64;
        struct name *larger = realloc(names->names, room * sizeof(*larger));
        if (!larger)
            return false;
        names->names = larger;
        names->room = room;
    }
    struct name *name = &names->names[names->count];
    name->text = strdup(text);
    if (!name->text)
        return false;
    (void)snprintf(name->pseudonym, sizeof(name->pseudonym), "%s", pseudonym);
    names->count++;
    names->sorted = false;
    return true;
}

/* As it stands between the quotes of JSON that the agent or this program writes. */
static bool escape(const char *name, char *ret, size_t bytes)
{
    size_t used = 0;
    for (; *name; name++) {
        if (used + 3 > bytes)
            return false;
        if (*name == '\\' || *name == '"')
            ret[used++] = '\\';
        ret[used++] = *name;
    }
    ret[used] = '\0';
    return true;
}

bool support_names_add(struct support_names *names, const char *name)
{
    char pseudonym[SUPPORT_PSEUDONYM_BYTES], escaped[1200];
    if (name[0] == '\0' || strcmp(name, "-") == 0)
        return true;
    make_pseudonym(names, name, pseudonym);
    if (!add(names, name, pseudonym))
        return false;
    if (!escape(name, escaped, sizeof(escaped)))
        return false;
    return strcmp(escaped, name) == 0 || add(names, escaped, pseudonym);
}

/* The end of a string whose quote `text` stands behind: its closing quote, or the text's end. */
static const char *string_end(const char *text)
{
    while (*text && *text != '"')
        text += text[0] == '\\' && text[1] ? 2 : 1;
    return text;
}

static bool is_member(const char *start, size_t bytes, const char *name)
{
    return strlen(name) == bytes && memcmp(start, name, bytes) == 0;
}

/* "asked" is a person among a sentence's fields; elsewhere it is what the authority was asked. */
static bool names_person(const char *start, size_t bytes, bool in_fields)
{
    return is_member(start, bytes, "user") || is_member(start, bytes, "counted_as") ||
           (in_fields && is_member(start, bytes, "asked"));
}

/* A string of JSON without what escapes it; names have no control characters. */
static bool add_string(struct support_names *names, const char *start, size_t bytes)
{
    char name[1200];
    size_t used = 0;
    if (bytes >= sizeof(name))
        return false;
    for (size_t i = 0; i < bytes; i++) {
        i += start[i] == '\\' && i + 1 < bytes;
        name[used++] = start[i];
    }
    name[used] = '\0';
    return support_names_add(names, name);
}

bool support_names_collect(struct support_names *names, const char *json)
{
    bool is_name = false, is_fields = false, in_fields = false;
    for (const char *at = json; *at; at++) {
        if (*at != '"') {
            if (*at == '{' || *at == '}')
                in_fields = *at == '{' && is_fields;
            bool goes_on = *at == ' ' || *at == ':' || *at == '\n';
            is_name = is_name && goes_on;
            is_fields = is_fields && goes_on;
            continue;
        }
        const char *end = string_end(at + 1);
        if (*end == '\0')
            return true;
        const char *next = end + 1 + strspn(end + 1, " \n\t");
        bool is_key = *next == ':';
        is_fields = is_key && is_member(at + 1, (size_t)(end - at - 1), "fields");
        if (is_key)
            is_name = names_person(at + 1, (size_t)(end - at - 1), in_fields);
        else if (is_name && !add_string(names, at + 1, (size_t)(end - at - 1)))
            return false;
        is_name = is_name && is_key;
        at = end;
    }
    return true;
}

/* --- replacing ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static bool in_word(unsigned char byte)
{
    return isalnum(byte) || byte == '_' || byte >= 0x80;
}

/* The longest name that stands here as a whole word; NULL: none does. */
static const struct name *find(const struct support_names *names, const char *at, size_t rest)
{
    size_t low = 0, high = names->count;
    const struct name *found = NULL;
    for (size_t depth = 0; low < high; depth++) {
        if (names->names[low].text[depth] == '\0') {
            /* with nothing of a word on either side, or the name itself ends without one */
            if (depth == rest || !in_word((unsigned char)at[depth]) || !in_word((unsigned char)at[depth - 1]))
                found = &names->names[low];
            while (low < high && names->names[low].text[depth] == '\0')
                low++;
        }
        if (depth == rest)
            break;
        unsigned char byte = (unsigned char)at[depth];
        size_t first = low, end = high;
        while (first < end) { /* the first that is not below */
            size_t middle = (first + end) / 2;
            if ((unsigned char)names->names[middle].text[depth] < byte)
                first = middle + 1;
            else
                end = middle;
        }
        low = first;
        end = high;
        while (first < end) { /* the first above */
            size_t middle = (first + end) / 2;
            if ((unsigned char)names->names[middle].text[depth] <= byte)
                first = middle + 1;
            else
                end = middle;
        }
        high = first;
    }
    return found;
}

static void replace_span(const struct support_names *names, const char *start, size_t bytes,
                         struct text_buffer *output)
{
    size_t copied = 0;
    for (size_t i = 0; i < bytes;) {
        bool begins = i == 0 || !in_word((unsigned char)start[i - 1]) || !in_word((unsigned char)start[i]);
        const struct name *name = begins ? find(names, start + i, bytes - i) : NULL;
        if (!name) {
            i++;
            continue;
        }
        text_buffer_add(output, start + copied, i - copied);
        text_buffer_add_text(output, name->pseudonym);
        i += strlen(name->text);
        copied = i;
    }
    text_buffer_add(output, start + copied, bytes - copied);
}

static void replace_json(const struct support_names *names, const char *text, struct text_buffer *output)
{
    while (*text) {
        size_t plain = strcspn(text, "\"");
        text_buffer_add(output, text, plain + (text[plain] == '"'));
        text += plain;
        if (*text == '\0')
            return;
        const char *start = text + 1, *end = string_end(start);
        const char *next = *end ? end + 1 + strspn(end + 1, " \n\t") : end;
        if (*next == ':')
            text_buffer_add(output, start, (size_t)(end - start));
        else
            replace_span(names, start, (size_t)(end - start), output);
        text_buffer_add(output, end, *end == '"');
        text = end + (*end == '"');
    }
}

char *support_names_replace(struct support_names *names, const char *text, bool json)
{
    struct text_buffer output = {.text = NULL};
    if (!names->sorted && names->count > 0)
        qsort(names->names, names->count, sizeof(*names->names), compare);
    names->sorted = true;
    if (json)
        replace_json(names, text, &output);
    else
        replace_span(names, text, strlen(text), &output);
    return text_buffer_take(&output);
}

/* --- keys ----------------------------------------------------------------------------------- */

static bool is_key(const char *text)
{
    for (size_t i = 0; i < KEY_BYTES; i++) {
        bool dash = i % (KEY_GROUP_BYTES + 1) == KEY_GROUP_BYTES;
        if (dash ? text[i] != '-' : !isalnum((unsigned char)text[i]))
            return false;
    }
    return !in_word((unsigned char)text[KEY_BYTES]);
}

void support_mask(char *text)
{
    for (char *at = text; *at; at++) {
        bool begins = at == text || !in_word((unsigned char)at[-1]);
        if (begins && strncmp(at, "fg1.", 4) == 0) {
            for (at += 4; in_word((unsigned char)*at) || (*at && strchr(".-", *at)); at++)
                *at = 'x';
            at--;
        } else if (begins && is_key(at)) {
            for (size_t i = 0; i < KEY_BYTES - KEY_GROUP_BYTES; i++)
                at[i] = at[i] == '-' ? '-' : 'x';
            at += KEY_BYTES - 1;
        }
    }
}
