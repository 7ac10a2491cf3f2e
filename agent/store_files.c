/* store_files.c - identity and licence: one line of JSON, and one with its BLAKE2b hash, so that a flipped
 * bit is seen and not believed. */
#include "store_private.h"

#include "common/file.h"
#include "common/json.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_VERSION   2 /* 2: what overuse goes on from, and former farms */
#define FILE_BYTES_MAX  (64 * 1024)
#define FILE_MODE       0600
#define HASH_BYTES      32
#define SAID_DAYS_MAX   999
#define HASH_LINE_BYTES (sizeof("\"blake2b:\"\n") + 2 * HASH_BYTES)
#define FIELDS(array)   (sizeof(array) / sizeof((array)[0]))

#define TEXT(struct_name, member, json_name, least)                                               \
    {                                                                                             \
        .name = json_name, .type = JSON_TEXT, .offset = offsetof(struct struct_name, member),     \
        .min = (least), .max = sizeof(((struct struct_name *)NULL)->member) - 1, .required = true \
    }
#define INTEGER(struct_name, member, json_name, least, most)                                     \
    {                                                                                            \
        .name = json_name, .type = JSON_INTEGER, .offset = offsetof(struct struct_name, member), \
        .min = (least), .max = (most), .required = true                                          \
    }
#define INSTANT(struct_name, member, json_name) \
    INTEGER(struct_name, member, json_name, -CLOCK_MS_MAX, CLOCK_MS_MAX)
#define BOOLEAN(struct_name, member, json_name)                                                  \
    {                                                                                            \
        .name = json_name, .type = JSON_BOOLEAN, .offset = offsetof(struct struct_name, member), \
        .required = true                                                                         \
    }
#define OPTIONAL_DAYS(struct_name, member, json_name)                                            \
    {                                                                                            \
        .name = json_name, .type = JSON_INTEGER, .offset = offsetof(struct struct_name, member), \
        .max = SAID_DAYS_MAX                                                                     \
    }
#define CHOICE(struct_name, member, json_name, names)                                           \
    {                                                                                           \
        .name = json_name, .type = JSON_CHOICE, .offset = offsetof(struct struct_name, member), \
        .choices = (names), .required = true                                                    \
    }

/* --- the frame of both files */

static void hash_line(const char *line, size_t bytes, char ret[HASH_LINE_BYTES])
{
    unsigned char hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)line, bytes, NULL, 0);
    (void)sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    (void)snprintf(ret, HASH_LINE_BYTES, "\"blake2b:%s\"\n", hex);
}

static int damaged(const char *path, const char *why, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "%s is damaged: %s", path, why);
    return ERROR_DAMAGED;
}

struct version_only {
    int64_t version;
};

/* The version comes before the hash: a newer one may well end otherwise. */
static int check_version(const char *path, const char *line, size_t bytes, struct error_detail *ret_detail)
{
    static const struct json_field fields[] = {INTEGER(version_only, version, "version", 1, INT64_MAX)};
    static const struct json_shape shape = {fields, FIELDS(fields)};
    struct version_only found = {0};
    struct error_detail why;
    if (json_read(&shape, line, bytes, &found, &why, NULL) != 0)
        return damaged(path, why.text, ret_detail);
    if (found.version <= FILES_VERSION)
        return 0;
    error_detail_set(ret_detail,
                     "%s was written by a newer version: its format is %" PRId64 ", this program knows %d",
                     path, found.version, FILES_VERSION);
    return ERROR_NEWER;
}

/* Reads and checks the frame; *ret_line (to be freed) is the JSON of *ret_bytes bytes. */
static int read_frame(const char *path, char **ret_line, size_t *ret_bytes, struct error_detail *ret_detail)
{
    char *text = NULL;
    size_t bytes = 0;
    int error = file_read(path, FILE_BYTES_MAX, &text, &bytes, ret_detail);
    if (error == ERROR_TOO_LARGE || error == ERROR_INVALID)
        return ERROR_DAMAGED;
    if (error != 0)
        return error;
    const char *newline = memchr(text, '\n', bytes);
    size_t line_bytes = newline ? (size_t)(newline - text) + 1 : bytes;
    error = check_version(path, text, line_bytes, ret_detail);
    if (error == 0) {
        char expected[HASH_LINE_BYTES];
        hash_line(text, line_bytes, expected);
        if (strcmp(text + line_bytes, expected) != 0)
            error = damaged(path, "its hash does not fit", ret_detail);
    }
    if (error != 0) {
        free(text);
        return error;
    }
    *ret_line = text;
    *ret_bytes = line_bytes;
    return 0;
}

static int read_shape(const char *path, const struct json_shape *shape, void *ret,
                      struct error_detail *ret_detail)
{
    char *line;
    size_t bytes;
    int error = read_frame(path, &line, &bytes, ret_detail);
    if (error != 0)
        return error;
    struct error_detail why;
    if (json_read(shape, line, bytes, ret, &why, NULL) != 0)
        error = damaged(path, why.text, ret_detail);
    free(line);
    return error;
}

/* Closes the JSON object, adds the hash and replaces the file; destroys the writer. */
static int write_frame(const char *path, struct json_writer *writer, struct error_detail *ret_detail)
{
    const char *json = NULL;
    size_t bytes = 0;
    char *text = NULL;
    json_close_object(writer);
    int error = json_writer_finish(writer, &json, &bytes);
    if (error == 0 && !(text = malloc(bytes + 1 + HASH_LINE_BYTES)))
        error = ERROR_NO_MEMORY;
    if (error == 0) {
        memcpy(text, json, bytes);
        text[bytes] = '\n';
        hash_line(text, bytes + 1, text + bytes + 1);
        error = file_replace(path, text, strlen(text), FILE_MODE, true, ret_detail);
    } else {
        error_detail_set(ret_detail, "cannot write %s: %s", path, error_text(error));
    }
    free(text);
    json_writer_destroy(writer);
    return error;
}

static struct json_writer *begin_frame(void)
{
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return NULL;
    json_open_object(writer, NULL);
    json_integer(writer, "version", FILES_VERSION);
    return writer;
}

/* --- identity */

int store_identity_read(const char *path, struct store_identity *ret, struct error_detail *ret_detail)
{
    static const struct json_field fields[] = {
        TEXT(store_identity, installation_id, "installation_id", 1),
        TEXT(store_identity, machine_id, "machine_id", 0),
        TEXT(store_identity, farm_id, "farm_id", 0),
        TEXT(store_identity, farm_token, "farm_token", 0),
        {.name = "keys",
         .type = JSON_TEXTS,
         .offset = offsetof(struct store_identity, keys),
         .min = 1,
         .max = STORE_KEY_BYTES_MAX - 1,
         .required = true,
         .count_offset = offsetof(struct store_identity, key_count),
         .count_max = STORE_KEYS_MAX,
         .element_bytes = STORE_KEY_BYTES_MAX},
    };
    static const struct json_shape shape = {fields, FIELDS(fields)};
    struct store_identity *read = calloc(1, sizeof(*read));
    if (!read)
        return ERROR_NO_MEMORY;
    int error = read_shape(path, &shape, read, ret_detail);
    if (error == 0)
        *ret = *read;
    free(read);
    return error;
}

int store_identity_write(const char *path, const struct store_identity *identity,
                         struct error_detail *ret_detail)
{
    struct json_writer *writer = begin_frame();
    if (!writer)
        return ERROR_NO_MEMORY;
    json_text(writer, "installation_id", identity->installation_id);
    json_text(writer, "machine_id", identity->machine_id);
    json_text(writer, "farm_id", identity->farm_id);
    json_text(writer, "farm_token", identity->farm_token);
    json_open_array(writer, "keys");
    for (size_t i = 0; i < identity->key_count; i++)
        json_text(writer, NULL, identity->keys[i]);
    json_close_array(writer);
    return write_frame(path, writer, ret_detail);
}

/* --- licence */

/* Beside the state of the usage what it goes on from; absent in files of version 1. */
struct usage_file {
    int64_t exceeding_since_ms, settle_ms, grace_started_ms, warned_percent;
    bool grace_end_said;
};

struct former_file {
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    int64_t purchases;
    int usage;
    struct usage_file overuse;
};

/* The licence in the types that JSON has. */
struct licence_file {
    int activation, term, contact, usage, status;
    bool copied, trial, anchored;
    char farm_id[GRANT_ID_BYTES_MAX + 1], installation_id[GRANT_ID_BYTES_MAX + 1];
    char reason[GRANT_REASON_BYTES_MAX + 1];
    int64_t serial, limit, purchases;
    int64_t expires_at_ms, issued_at_ms, refresh_by_ms, last_contact_ms;
    char entitlement[STORE_ENTITLEMENT_MAX + 1];
    struct usage_file overuse;
    int64_t term_said_days, grace_said_days, contact_said_days;
    struct former_file former[STANDING_FORMER_MAX];
    size_t former_count;
    int64_t licence_ms, boot_ms, offset_ms;
    char boot_id[CLOCK_BOOT_ID_BYTES];
};

/* Words for the enums; the order is the enums' own. */
struct licence_words {
    const char *activation[ACTIVATION_STATE_MAX + 1];
    const char *term[TERM_STATE_MAX + 1];
    const char *contact[CONTACT_STATE_MAX + 1];
    const char *usage[USAGE_STATE_MAX + 1];
};

static void licence_words(struct licence_words *ret)
{
    *ret = (struct licence_words){0};
    for (int i = 0; i < ACTIVATION_STATE_MAX; i++)
        ret->activation[i] = activation_state_name((enum activation_state)i);
    for (int i = 0; i < TERM_STATE_MAX; i++)
        ret->term[i] = term_state_name((enum term_state)i);
    for (int i = 0; i < CONTACT_STATE_MAX; i++)
        ret->contact[i] = contact_state_name((enum contact_state)i);
    for (int i = 0; i < USAGE_STATE_MAX; i++)
        ret->usage[i] = usage_state_name((enum usage_state)i);
}

static const char *const STATUS_WORDS[] = {"active", "deactivated", NULL};
static_assert(GRANT_STATUS_MAX == 2, "a new grant status needs its word");

static const struct json_field overuse_fields[] = {
    INSTANT(usage_file, exceeding_since_ms, "exceeding_since_ms"),
    INTEGER(usage_file, settle_ms, "settle_ms", 0, CLOCK_MS_MAX),
    INSTANT(usage_file, grace_started_ms, "grace_started_ms"),
    BOOLEAN(usage_file, grace_end_said, "grace_end_said"),
    INTEGER(usage_file, warned_percent, "warned_percent", 0, 100),
};
static const struct json_shape overuse_shape = {overuse_fields, FIELDS(overuse_fields)};

static int read_licence_file(const char *path, struct licence_file *ret, struct error_detail *ret_detail)
{
    struct licence_words words;
    licence_words(&words);
    const struct json_field former_fields[] = {
        TEXT(former_file, farm_id, "farm_id", 1),
        INTEGER(former_file, purchases, "purchases", 0, INT64_MAX),
        CHOICE(former_file, usage, "usage", words.usage),
        {.name = "overuse",
         .type = JSON_OBJECT,
         .offset = offsetof(struct former_file, overuse),
         .shape = &overuse_shape,
         .required = true},
    };
    const struct json_shape former_shape = {former_fields, FIELDS(former_fields)};
    const struct json_field fields[] = {
        CHOICE(licence_file, activation, "activation", words.activation),
        CHOICE(licence_file, term, "term", words.term),
        CHOICE(licence_file, contact, "contact", words.contact),
        CHOICE(licence_file, usage, "usage", words.usage),
        BOOLEAN(licence_file, copied, "copied"),
        INSTANT(licence_file, last_contact_ms, "last_contact_ms"),
        TEXT(licence_file, farm_id, "farm_id", 0),
        TEXT(licence_file, installation_id, "installation_id", 0),
        {.name = "overuse",
         .type = JSON_OBJECT,
         .offset = offsetof(struct licence_file, overuse),
         .shape = &overuse_shape},
        OPTIONAL_DAYS(licence_file, term_said_days, "term_said_days"),
        OPTIONAL_DAYS(licence_file, grace_said_days, "grace_said_days"),
        OPTIONAL_DAYS(licence_file, contact_said_days, "contact_said_days"),
        {.name = "former_farms",
         .type = JSON_ARRAY,
         .offset = offsetof(struct licence_file, former),
         .shape = &former_shape,
         .count_offset = offsetof(struct licence_file, former_count),
         .count_max = STANDING_FORMER_MAX,
         .element_bytes = sizeof(struct former_file)},
        INTEGER(licence_file, serial, "serial", 0, INT64_MAX),
        CHOICE(licence_file, status, "status", STATUS_WORDS),
        TEXT(licence_file, reason, "reason", 0),
        INTEGER(licence_file, limit, "limit", 0, UINT32_MAX),
        INTEGER(licence_file, purchases, "purchases", 0, INT64_MAX),
        BOOLEAN(licence_file, trial, "trial"),
        INSTANT(licence_file, expires_at_ms, "expires_at_ms"),
        INSTANT(licence_file, issued_at_ms, "issued_at_ms"),
        INSTANT(licence_file, refresh_by_ms, "refresh_by_ms"),
        TEXT(licence_file, entitlement, "entitlement", 0),
        INSTANT(licence_file, licence_ms, "licence_ms"),
        INSTANT(licence_file, boot_ms, "boot_ms"),
        INSTANT(licence_file, offset_ms, "offset_ms"),
        TEXT(licence_file, boot_id, "boot_id", 0),
        BOOLEAN(licence_file, anchored, "anchored"),
    };
    const struct json_shape shape = {fields, FIELDS(fields)};
    return read_shape(path, &shape, ret, ret_detail);
}

static struct usage usage_of_file(int state, const struct usage_file *file)
{
    return (struct usage){.state = (enum usage_state)state,
                          .exceeding_since_ms = file->exceeding_since_ms,
                          .settle_ms = file->settle_ms,
                          .grace_started_ms = file->grace_started_ms,
                          .grace_end_said = file->grace_end_said,
                          .warned_percent = (unsigned)file->warned_percent};
}

static void licence_of_file(const struct licence_file *file, struct store_licence *ret)
{
    *ret = (struct store_licence){
        .standing = {.activation = (enum activation_state)file->activation,
                     .term = (enum term_state)file->term,
                     .contact = (enum contact_state)file->contact,
                     .usage = usage_of_file(file->usage, &file->overuse),
                     .term_said = {.days = (unsigned)file->term_said_days,
                                   .grace_days = (unsigned)file->grace_said_days},
                     .contact_said_days = (unsigned)file->contact_said_days,
                     .copied = file->copied,
                     .grant = {.serial = (uint64_t)file->serial,
                               .status = (enum grant_status)file->status,
                               .limit = (uint32_t)file->limit,
                               .purchases = (uint64_t)file->purchases,
                               .trial = file->trial,
                               .expires_at_ms = file->expires_at_ms,
                               .issued_at_ms = file->issued_at_ms,
                               .refresh_by_ms = file->refresh_by_ms},
                     .last_contact_ms = file->last_contact_ms},
        .clock = {.licence_ms = file->licence_ms,
                  .boot_ms = file->boot_ms,
                  .offset_ms = file->offset_ms,
                  .anchored = file->anchored},
    };
    for (size_t i = 0; i < file->former_count; i++) {
        struct former_farm *former = &ret->standing.former[i];
        memcpy(former->farm_id, file->former[i].farm_id, sizeof(former->farm_id));
        former->purchases = (uint64_t)file->former[i].purchases;
        former->usage = usage_of_file(file->former[i].usage, &file->former[i].overuse);
    }
    struct grant *grant = &ret->standing.grant;
    memcpy(grant->farm_id, file->farm_id, sizeof(grant->farm_id));
    memcpy(grant->installation_id, file->installation_id, sizeof(grant->installation_id));
    memcpy(grant->reason, file->reason, sizeof(grant->reason));
    memcpy(ret->entitlement, file->entitlement, sizeof(ret->entitlement));
    memcpy(ret->clock.boot_id, file->boot_id, sizeof(ret->clock.boot_id));
}

int store_licence_read(const char *path, struct store_licence *ret, struct error_detail *ret_detail)
{
    struct licence_file *file = calloc(1, sizeof(*file));
    if (!file)
        return ERROR_NO_MEMORY;
    int error = read_licence_file(path, file, ret_detail);
    if (error == 0)
        licence_of_file(file, ret);
    free(file);
    return error;
}

static void write_overuse(struct json_writer *writer, const struct usage *usage)
{
    json_text(writer, "usage", usage_state_name(usage->state));
    json_open_object(writer, "overuse");
    json_integer(writer, "exceeding_since_ms", usage->exceeding_since_ms);
    json_integer(writer, "settle_ms", usage->settle_ms);
    json_integer(writer, "grace_started_ms", usage->grace_started_ms);
    json_boolean(writer, "grace_end_said", usage->grace_end_said);
    json_integer(writer, "warned_percent", usage->warned_percent);
    json_close_object(writer);
}

static void write_former(struct json_writer *writer, const struct standing *standing)
{
    json_open_array(writer, "former_farms");
    for (size_t i = 0; i < STANDING_FORMER_MAX; i++) {
        const struct former_farm *former = &standing->former[i];
        if (former->farm_id[0] == '\0')
            continue;
        json_open_object(writer, NULL);
        json_text(writer, "farm_id", former->farm_id);
        json_integer(writer, "purchases", (int64_t)former->purchases);
        write_overuse(writer, &former->usage);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void write_standing(struct json_writer *writer, const struct standing *standing)
{
    const struct grant *grant = &standing->grant;
    json_text(writer, "activation", activation_state_name(standing->activation));
    json_text(writer, "term", term_state_name(standing->term));
    json_text(writer, "contact", contact_state_name(standing->contact));
    write_overuse(writer, &standing->usage);
    json_integer(writer, "term_said_days", standing->term_said.days);
    json_integer(writer, "grace_said_days", standing->term_said.grace_days);
    json_integer(writer, "contact_said_days", standing->contact_said_days);
    write_former(writer, standing);
    json_boolean(writer, "copied", standing->copied);
    json_integer(writer, "last_contact_ms", standing->last_contact_ms);
    json_text(writer, "farm_id", grant->farm_id);
    json_text(writer, "installation_id", grant->installation_id);
    json_integer(writer, "serial", (int64_t)grant->serial);
    json_text(writer, "status", STATUS_WORDS[grant->status]);
    json_text(writer, "reason", grant->reason);
    json_integer(writer, "limit", grant->limit);
    json_integer(writer, "purchases", (int64_t)grant->purchases);
    json_boolean(writer, "trial", grant->trial);
    json_integer(writer, "expires_at_ms", grant->expires_at_ms);
    json_integer(writer, "issued_at_ms", grant->issued_at_ms);
    json_integer(writer, "refresh_by_ms", grant->refresh_by_ms);
}

int store_licence_write(const char *path, const struct store_licence *licence,
                        struct error_detail *ret_detail)
{
    struct json_writer *writer = begin_frame();
    if (!writer)
        return ERROR_NO_MEMORY;
    write_standing(writer, &licence->standing);
    json_text(writer, "entitlement", licence->entitlement);
    json_integer(writer, "licence_ms", licence->clock.licence_ms);
    json_integer(writer, "boot_ms", licence->clock.boot_ms);
    json_integer(writer, "offset_ms", licence->clock.offset_ms);
    json_text(writer, "boot_id", licence->clock.boot_id);
    json_boolean(writer, "anchored", licence->clock.anchored);
    return write_frame(path, writer, ret_detail);
}

int64_t store_history_now(const struct store_licence *licence)
{
    bool signed_time = licence->standing.activation != ACTIVATION_NONE;
    return signed_time ? licence->standing.grant.issued_at_ms : licence->clock.licence_ms;
}
