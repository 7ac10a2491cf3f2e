#include "licence_json.h"

#include "stored_fields.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SAID_DAYS_MAX 999

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

/* --- identity */

int identity_json_read(const char *text, size_t bytes, struct store_identity *ret,
                       struct error_detail *ret_detail)
{
    static const struct json_field fields[] = {
        STORED_TEXT(store_identity, installation_id, "installation_id", 1),
        STORED_TEXT(store_identity, machine_id, "machine_id", 0),
        STORED_TEXT(store_identity, farm_id, "farm_id", 0),
        STORED_TEXT(store_identity, farm_token, "farm_token", 0),
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
    static const struct json_shape shape = {fields, STORED_FIELDS(fields)};
    struct store_identity *read = calloc(1, sizeof(*read));
    if (!read)
        return ERROR_NO_MEMORY;
    int error = json_read(&shape, text, bytes, read, ret_detail, NULL);
    if (error == 0)
        *ret = *read;
    free(read);
    return error;
}

void identity_json_write(struct json_writer *writer, const struct store_identity *identity)
{
    json_text(writer, "installation_id", identity->installation_id);
    json_text(writer, "machine_id", identity->machine_id);
    json_text(writer, "farm_id", identity->farm_id);
    json_text(writer, "farm_token", identity->farm_token);
    json_open_array(writer, "keys");
    for (size_t i = 0; i < identity->key_count; i++)
        json_text(writer, NULL, identity->keys[i]);
    json_close_array(writer);
}

/* --- standing */

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

/* A standing in the types that JSON has. */
struct standing_file {
    int activation, term, contact, usage, status;
    bool copied, trial;
    char farm_id[GRANT_ID_BYTES_MAX + 1], installation_id[GRANT_ID_BYTES_MAX + 1];
    char reason[GRANT_REASON_BYTES_MAX + 1];
    int64_t serial, limit, purchases;
    int64_t expires_at_ms, issued_at_ms, refresh_by_ms, last_contact_ms;
    struct usage_file overuse;
    int64_t term_said_days, grace_said_days, contact_said_days;
    struct former_file former[STANDING_FORMER_MAX];
    size_t former_count;
};

/* Words for the enums; the order is the enums' own. */
struct standing_words {
    const char *activation[ACTIVATION_STATE_MAX + 1];
    const char *term[TERM_STATE_MAX + 1];
    const char *contact[CONTACT_STATE_MAX + 1];
    const char *usage[USAGE_STATE_MAX + 1];
};

static void standing_words(struct standing_words *ret)
{
    *ret = (struct standing_words){0};
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
    STORED_INSTANT(usage_file, exceeding_since_ms, "exceeding_since_ms"),
    STORED_INTEGER(usage_file, settle_ms, "settle_ms", 0, CLOCK_MS_MAX),
    STORED_INSTANT(usage_file, grace_started_ms, "grace_started_ms"),
    STORED_BOOLEAN(usage_file, grace_end_said, "grace_end_said"),
    STORED_INTEGER(usage_file, warned_percent, "warned_percent", 0, 100),
};
static const struct json_shape overuse_shape = {overuse_fields, STORED_FIELDS(overuse_fields)};

static int read_standing(const char *text, size_t bytes, struct standing_file *ret,
                         struct error_detail *ret_detail)
{
    struct standing_words words;
    standing_words(&words);
    const struct json_field former_fields[] = {
        STORED_TEXT(former_file, farm_id, "farm_id", 1),
        STORED_INTEGER(former_file, purchases, "purchases", 0, INT64_MAX),
        CHOICE(former_file, usage, "usage", words.usage),
        {.name = "overuse",
         .type = JSON_OBJECT,
         .offset = offsetof(struct former_file, overuse),
         .shape = &overuse_shape,
         .required = true},
    };
    const struct json_shape former_shape = {former_fields, STORED_FIELDS(former_fields)};
    const struct json_field fields[] = {
        CHOICE(standing_file, activation, "activation", words.activation),
        CHOICE(standing_file, term, "term", words.term),
        CHOICE(standing_file, contact, "contact", words.contact),
        CHOICE(standing_file, usage, "usage", words.usage),
        STORED_BOOLEAN(standing_file, copied, "copied"),
        STORED_INSTANT(standing_file, last_contact_ms, "last_contact_ms"),
        STORED_TEXT(standing_file, farm_id, "farm_id", 0),
        STORED_TEXT(standing_file, installation_id, "installation_id", 0),
        {.name = "overuse",
         .type = JSON_OBJECT,
         .offset = offsetof(struct standing_file, overuse),
         .shape = &overuse_shape},
        OPTIONAL_DAYS(standing_file, term_said_days, "term_said_days"),
        OPTIONAL_DAYS(standing_file, grace_said_days, "grace_said_days"),
        OPTIONAL_DAYS(standing_file, contact_said_days, "contact_said_days"),
        {.name = "former_farms",
         .type = JSON_ARRAY,
         .offset = offsetof(struct standing_file, former),
         .shape = &former_shape,
         .count_offset = offsetof(struct standing_file, former_count),
         .count_max = STANDING_FORMER_MAX,
         .element_bytes = sizeof(struct former_file)},
        STORED_INTEGER(standing_file, serial, "serial", 0, INT64_MAX),
        CHOICE(standing_file, status, "status", STATUS_WORDS),
        STORED_TEXT(standing_file, reason, "reason", 0),
        STORED_INTEGER(standing_file, limit, "limit", 0, UINT32_MAX),
        STORED_INTEGER(standing_file, purchases, "purchases", 0, INT64_MAX),
        STORED_BOOLEAN(standing_file, trial, "trial"),
        STORED_INSTANT(standing_file, expires_at_ms, "expires_at_ms"),
        STORED_INSTANT(standing_file, issued_at_ms, "issued_at_ms"),
        STORED_INSTANT(standing_file, refresh_by_ms, "refresh_by_ms"),
    };
    const struct json_shape shape = {fields, STORED_FIELDS(fields)};
    return json_read(&shape, text, bytes, ret, ret_detail, NULL);
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

static void standing_of_file(const struct standing_file *file, struct standing *ret)
{
    *ret = (struct standing){
        .activation = (enum activation_state)file->activation,
        .term = (enum term_state)file->term,
        .contact = (enum contact_state)file->contact,
        .usage = usage_of_file(file->usage, &file->overuse),
        .term_said = {.days = (unsigned)file->term_said_days, .grace_days = (unsigned)file->grace_said_days},
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
        .last_contact_ms = file->last_contact_ms,
    };
    for (size_t i = 0; i < file->former_count; i++) {
        struct former_farm *former = &ret->former[i];
        memcpy(former->farm_id, file->former[i].farm_id, sizeof(former->farm_id));
        former->purchases = (uint64_t)file->former[i].purchases;
        former->usage = usage_of_file(file->former[i].usage, &file->former[i].overuse);
    }
    memcpy(ret->grant.farm_id, file->farm_id, sizeof(ret->grant.farm_id));
    memcpy(ret->grant.installation_id, file->installation_id, sizeof(ret->grant.installation_id));
    memcpy(ret->grant.reason, file->reason, sizeof(ret->grant.reason));
}

int standing_json_read(const char *text, size_t bytes, struct standing *ret, struct error_detail *ret_detail)
{
    struct standing_file *file = calloc(1, sizeof(*file));
    if (!file)
        return ERROR_NO_MEMORY;
    int error = read_standing(text, bytes, file, ret_detail);
    if (error == 0)
        standing_of_file(file, ret);
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

void standing_json_write(struct json_writer *writer, const struct standing *standing)
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
