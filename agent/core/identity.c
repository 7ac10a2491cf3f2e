#include "identity.h"

#include "connection.h"
#include "identity_fold.h"
#include "text.h"
#include "utf8.h"

#include <assert.h>
#include <string.h>

#define FOLDED_BYTES_MAX(bytes)                                                \
    ((bytes) / 2 * 3 + 8) /* two bytes can become three; fold() needs the rest \
                           */

static_assert(FOLDED_BYTES_MAX(CONNECTION_HOST_BYTES_MAX) + 1 + FOLDED_BYTES_MAX(CONNECTION_USER_BYTES_MAX) <
                  IDENTITY_KEY_BYTES_MAX,
              "every user of an alias's domain fits");
static_assert(FOLDED_BYTES_MAX(IDENTITY_FOLD_BYTES_MAX) < IDENTITY_KEY_BYTES_MAX, "so does a folded text");

struct text {
    const char *start;
    size_t bytes;
};

static struct text text_of(const char *string)
{
    return (struct text){string, strlen(string)};
}

static uint32_t fold_beyond_ascii(uint32_t character)
{
    size_t low = 0, high = sizeof identity_folds / sizeof *identity_folds;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct identity_fold *fold = &identity_folds[middle];
        if (character > fold->last) {
            low = middle + 1;
        } else if (character < fold->first) {
            high = middle;
        } else {
            bool folds = (character - fold->first) % (uint32_t)fold->step == 0;
            return folds ? (uint32_t)((int32_t)character + fold->difference) : character;
        }
    }
    return character;
}

/* Folds the first character of `text` into `ret`; *ret_bytes are written. Returns the bytes read. */
static size_t fold_one(struct text text, char ret[UTF8_BYTES_MAX], size_t *ret_bytes)
{
    uint32_t character;
    char byte = *text.start;
    if ((unsigned char)byte < 0x80) {
        *ret = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
        *ret_bytes = 1;
        return 1;
    }
    size_t length = utf8_decode(text.start, text.bytes, &character);
    if (length == 0) {
        *ret = byte;
        *ret_bytes = 1;
        return 1;
    }
    *ret_bytes = utf8_encode(fold_beyond_ascii(character), ret);
    return length;
}

/* Folds eight bytes at once if they are ASCII; false if not. */
static bool fold_word(uint64_t *word)
{
    if ((*word & TEXT_EACH_BYTE(0x80)) != 0)
        return false;
    uint64_t from_a = *word + TEXT_EACH_BYTE(0x80 - 'A'), beyond_z = *word + TEXT_EACH_BYTE(0x7f - 'Z');
    *word |= (from_a & ~beyond_z & TEXT_EACH_BYTE(0x80)) >> 2; /* 0x20 where a capital is */
    return true;
}

/* Eight bytes at once where they are ASCII; the last ones of a text together with bytes already folded, to
 * which that does nothing. */
static size_t fold(struct text text, char *ret_folded)
{
    size_t written = 0;
    for (size_t at = 0; at < text.bytes;) {
        size_t rest = text.bytes - at, back = rest < 8 ? 8 - rest : 0, bytes;
        uint64_t word;
        if (back <= at && (word = text_word(text.start + at - back), fold_word(&word))) {
            memcpy(ret_folded + written - back, &word, sizeof word);
            at += 8 - back;
            written += 8 - back;
        } else {
            at += fold_one((struct text){text.start + at, rest}, ret_folded + written, &bytes);
            written += bytes;
        }
    }
    return written;
}

static bool fold_equal(struct text one, struct text other)
{
    while (one.bytes > 0 && other.bytes > 0) {
        char a[UTF8_BYTES_MAX], b[UTF8_BYTES_MAX];
        size_t a_bytes, b_bytes;
        size_t a_read = fold_one(one, a, &a_bytes), b_read = fold_one(other, b, &b_bytes);
        if (a_bytes != b_bytes || memcmp(a, b, a_bytes) != 0)
            return false;
        one = (struct text){one.start + a_read, one.bytes - a_read};
        other = (struct text){other.start + b_read, other.bytes - b_read};
    }
    return one.bytes == 0 && other.bytes == 0;
}

/* Takes a whole Windows name apart. A backslash decides: "CORP\a@b" is user "a@b" of CORP. */
static void split(struct text name, struct text *ret_domain, struct text *ret_user)
{
    const char *mark = memchr(name.start, '\\', name.bytes);
    bool backslash = mark != NULL;
    if (!backslash)
        mark = strrchr(name.start, '@');
    struct text before = {name.start, (size_t)(mark - name.start)};
    struct text after = {mark + 1, name.bytes - before.bytes - 1};
    *ret_domain = backslash ? before : after;
    *ret_user = backslash ? after : before;
}

/* The domain that an alias gives to `domain`; empty if none does. */
static struct text aliased(struct text domain, const struct identity_alias *aliases, size_t alias_count)
{
    for (size_t i = 0; i < alias_count; i++)
        if (fold_equal(domain, text_of(aliases[i].dns_domain)))
            return text_of(aliases[i].domain);
    return (struct text){"", 0};
}

bool identity_fold(const char *text, char ret_folded[IDENTITY_KEY_BYTES_MAX])
{
    struct text whole = text_of(text);
    if (whole.bytes > IDENTITY_FOLD_BYTES_MAX)
        return false;
    ret_folded[fold(whole, ret_folded)] = '\0';
    return true;
}

bool identity_same_domain(const char *one, const char *other)
{
    return fold_equal(text_of(one), text_of(other));
}

bool identity_is_windows(const char *user)
{
    return text_has_either(user, strlen(user), '\\', '@');
}

const char *identity_key_in(const char *user, size_t user_bytes, const struct identity_alias *aliases,
                            size_t alias_count, char room[IDENTITY_KEY_BYTES_MAX], size_t *ret_bytes)
{
    assert(user_bytes <= CONNECTION_USER_BYTES_MAX);
    if (!text_has_either(user, user_bytes, '\\', '@')) {
        *ret_bytes = user_bytes;
        return user;
    }
    struct text name = {user, user_bytes};
    size_t written = 0;
    if (alias_count > 0) {
        struct text domain, plain;
        split(name, &domain, &plain);
        struct text alias = aliased(domain, aliases, alias_count);
        if (alias.bytes > 0 && alias.bytes <= CONNECTION_HOST_BYTES_MAX) {
            written = fold(alias, room);
            room[written++] = '\\';
            name = plain;
        }
    }
    *ret_bytes = written + fold(name, room + written);
    return room;
}

size_t identity_key(const char *user, const struct identity_alias *aliases, size_t alias_count,
                    char ret_key[IDENTITY_KEY_BYTES_MAX])
{
    size_t bytes;
    const char *key = identity_key_in(user, strlen(user), aliases, alias_count, ret_key, &bytes);
    if (key != ret_key)
        memcpy(ret_key, key, bytes);
    ret_key[bytes] = '\0';
    return bytes;
}
