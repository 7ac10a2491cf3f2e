#include "cloud/audit.h"

#include "common/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *audit_change_name(enum audit_change change)
{
#define AUDIT_CHANGE_NAME(name, text) [name] = text,
    static const char *const names[] = {AUDIT_CHANGES(AUDIT_CHANGE_NAME)};
    return names[change];
}

int audit_line(struct rows *rows, const struct audit_author *author, const char *change, const char *subject,
               const char *before, const char *after, struct error_detail *ret_detail)
{
    return rows_audit_put(rows,
                          &(struct rows_audit_line){.at_ms = author->now_ms,
                                                    .who = author->who,
                                                    .what = change,
                                                    .subject = subject,
                                                    .before = before,
                                                    .after = after},
                          ret_detail);
}

/* Writes the line with what it was handed, and frees that. Each JSON is NULL if there is no such record, or
 * if there was no memory for it. */
static int finish_line(struct rows *rows, const struct audit_author *author, enum audit_change change,
                       const char *subject, bool has_before, char *before, bool has_after, char *after,
                       struct error_detail *ret_detail)
{
    int error = ERROR_NO_MEMORY;
    if (has_before == (before != NULL) && has_after == (after != NULL))
        error = audit_line(rows, author, audit_change_name(change), subject, before, after, ret_detail);
    free(before);
    free(after);
    return error;
}

static char *subscription_json(const struct subscription *subscription, const char *primary_key)
{
    struct json_writer *writer = subscription != NULL ? json_writer_create(false) : NULL;
    char term[TERM_TEXT_BYTES];
    if (writer == NULL)
        return NULL;
    term_format(&subscription->term, term);
    json_open_object(writer, NULL);
    json_integer(writer, "id", subscription->id);
    json_text(writer, "name", subscription->name);
    json_text(writer, "contract", subscription->contract);
    json_integer(writer, "licences", subscription->licences);
    json_integer(writer, "purchases", (int64_t)subscription->purchases);
    json_text(writer, "term", term);
    json_text(writer, "plan", plan_name(subscription->plan));
    json_text(writer, "channel", channel_name(subscription->channel));
    json_boolean(writer, "renews", subscription->renews);
    json_time_or_null(writer, "activated_at", subscription->activated_ms);
    json_time_or_null(writer, "expires_at", subscription->expires_ms);
    json_time_or_null(writer, "cancelled_at", subscription->cancelled_ms);
    if (primary_key != NULL)
        json_text(writer, "primary_key", primary_key);
    json_close_object(writer);
    return json_writer_take(writer);
}

int audit_subscription(struct rows *rows, const struct audit_author *author, enum audit_change change,
                       const struct subscription *before, const struct subscription *after,
                       const char *primary_key, struct error_detail *ret_detail)
{
    char subject[24];
    (void)snprintf(subject, sizeof subject, "%" PRId64, after != NULL ? after->id : before->id);
    return finish_line(rows, author, change, subject, before != NULL, subscription_json(before, NULL),
                       after != NULL, subscription_json(after, primary_key), ret_detail);
}

static char *key_json(const struct key *key)
{
    struct json_writer *writer = key != NULL ? json_writer_create(false) : NULL;
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "key", key->text);
    json_integer(writer, "subscription_id", key->subscription_id);
    json_text(writer, "name", key->name);
    json_boolean(writer, "primary", key->primary);
    json_integer(writer, "quota", key->quota);
    json_time_or_null(writer, "expires_at", key->expires_ms);
    json_integer(writer, "moves", key->moves);
    json_text(writer, "farm_id", key->holder[0] != '\0' ? key->holder : NULL);
    json_time_or_null(writer, "deleted_at", key->deleted_ms);
    json_close_object(writer);
    return json_writer_take(writer);
}

int audit_key(struct rows *rows, const struct audit_author *author, enum audit_change change,
              const struct key *before, const struct key *after, struct error_detail *ret_detail)
{
    return finish_line(rows, author, change, after != NULL ? after->text : before->text, before != NULL,
                       key_json(before), after != NULL, key_json(after), ret_detail);
}

static char *farm_json(const struct audit_farm_state *state)
{
    struct json_writer *writer = state != NULL ? json_writer_create(false) : NULL;
    if (writer == NULL)
        return NULL;
    const struct farm *farm = state->farm;
    const struct key *key = state->key;
    json_open_object(writer, NULL);
    json_text(writer, "farm_id", farm->id);
    json_text(writer, "name", farm->name);
    json_text(writer, "status", farm_status_name(farm->status));
    json_text(writer, "reason", farm->reason != FARM_REASON_NONE ? farm_reason_code(farm->reason) : NULL);
    json_boolean(writer, "trial", key == NULL);
    json_text(writer, "key", key != NULL ? key->text : NULL);
    if (key != NULL)
        json_integer(writer, "moves", key->moves);
    json_text(writer, "installation_id", farm->installation_id);
    json_text(writer, "app_version", farm->app_version);
    json_time_or_null(writer, "activated_at", farm->activated_ms);
    json_time_or_null(writer, "deactivated_at", farm->deactivated_ms);
    json_close_object(writer);
    return json_writer_take(writer);
}

int audit_farm(struct rows *rows, const struct audit_author *author, enum audit_change change,
               const struct audit_farm_state *before, const struct audit_farm_state *after,
               struct error_detail *ret_detail)
{
    const char *subject = after != NULL ? after->farm->id : before->farm->id;
    return finish_line(rows, author, change, subject, before != NULL, farm_json(before), after != NULL,
                       farm_json(after), ret_detail);
}

static char *signing_key_json(const struct entitlement_key *key)
{
    char text[96];
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    entitlement_key_format(key, text);
    json_open_object(writer, NULL);
    json_text(writer, "public_key", text);
    json_close_object(writer);
    return json_writer_take(writer);
}

int audit_signing_key(struct rows *rows, const struct audit_author *author,
                      const struct entitlement_key *before, const struct entitlement_key *after,
                      struct error_detail *ret_detail)
{
    return finish_line(rows, author, AUDIT_SIGNING_KEY_ROTATE, after->kid, true, signing_key_json(before),
                       true, signing_key_json(after), ret_detail);
}

static char *note_json(const char *note)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "note", note);
    json_close_object(writer);
    return json_writer_take(writer);
}

int audit_note(struct rows *rows, const struct audit_author *author, const char *farm_id, const char *before,
               const char *after, struct error_detail *ret_detail)
{
    return finish_line(rows, author, AUDIT_FARM_NOTE, farm_id, true, note_json(before), true,
                       note_json(after), ret_detail);
}
