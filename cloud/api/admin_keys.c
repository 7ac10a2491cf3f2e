#include "cloud/api/admin_keys.h"

#include "cloud/wall_clock.h"
#include "common/licence_key.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- as JSON -------------------------------------------------------------------------------------------- */

static void write_fields(struct json_writer *writer, const struct key *key,
                         const struct subscription *subscription, int64_t now_ms)
{
    json_text(writer, "key", key->text);
    json_integer(writer, "subscription_id", key->subscription_id);
    json_text(writer, "name", key->name);
    json_boolean(writer, "primary", key->primary);
    json_integer(writer, "quota", key->quota);
    json_time_or_null(writer, "expires_at", key->expires_ms);
    json_time_or_null(writer, "ends_at", activation_expires_ms(subscription, key));
    json_text(writer, "state", key_state_name(key_state(subscription, key, now_ms)));
    json_integer(writer, "moves", key->moves);
    json_integer(writer, "moves_left", activation_moves_left(key));
    json_text(writer, "farm_id", key->holder[0] != '\0' ? key->holder : NULL);
    json_time(writer, "created_at", key->created_ms);
    json_time_or_null(writer, "deleted_at", key->deleted_ms);
}

/* The key that a call was about; refused: nothing. */
static void answer_key(struct admin_call *call, const struct admin_key *outcome)
{
    call->verdict = outcome->verdict;
    call->numbers = (struct admin_numbers){.left = outcome->quota_left,
                                           .ends_ms = outcome->subscription.expires_ms,
                                           .quota = outcome->loss.quota,
                                           .peak = outcome->loss.peak};
    memcpy(call->numbers.farm_id, outcome->losing_farm, sizeof call->numbers.farm_id);
    if (outcome->verdict != LEDGER_GRANTED)
        return;
    json_open_object(call->answer, NULL);
    write_fields(call->answer, &outcome->key, &outcome->subscription, call->author.now_ms);
    json_integer(call->answer, "quota_max", outcome->quota_left);
    json_close_object(call->answer);
}

static void note_key(struct admin_call *call, const struct admin_key *outcome, const char *what)
{
    char masked[LICENCE_KEY_TEXT_BYTES];
    if (outcome->verdict != LEDGER_GRANTED)
        return;
    licence_key_masked(outcome->key.text, masked);
    admin_note(call, "key %s of subscription %lld %s: quota %u", masked,
               (long long)outcome->key.subscription_id, what, outcome->key.quota);
}

/* --- what is to be changed ------------------------------------------------------------------------------ */

struct wanted {
    char name[LEDGER_NAME_BYTES_MAX + 1];
    int64_t quota, expires_ms, moves;
    bool name_given, quota_given, expires_given, moves_given, confirm;
};

#define AT(member) offsetof(struct wanted, member)
#define WANTED_FIELDS(quota_required)                                  \
    {.name = "name",                                                   \
     .type = JSON_TEXT,                                                \
     .offset = AT(name),                                               \
     .max = LEDGER_NAME_BYTES_MAX,                                     \
     .present_offset = AT(name_given)},                                \
        {.name = "quota",                                              \
         .type = JSON_INTEGER,                                         \
         .offset = AT(quota),                                          \
         .max = LEDGER_LICENCES_MAX,                                   \
         .required = (quota_required),                                 \
         .present_offset = AT(quota_given)},                           \
        {.name = "expires_at",                                         \
         .type = JSON_TIME,                                            \
         .offset = AT(expires_ms),                                     \
         .nullable = true,                                             \
         .present_offset = AT(expires_given)},                         \
    {                                                                  \
        .name = "confirm", .type = JSON_BOOLEAN, .offset = AT(confirm) \
    }
static const struct json_field create_fields[] = {WANTED_FIELDS(true)};
static const struct json_field edit_fields[] = {
    WANTED_FIELDS(false),
    /* 0 is the only count that may be set: none made any more */
    {.name = "moves", .type = JSON_INTEGER, .offset = AT(moves), .present_offset = AT(moves_given)},
};
#undef AT
#undef WANTED_FIELDS
static const struct json_shape create_shape = {create_fields, COUNT(create_fields)};
static const struct json_shape edit_shape = {edit_fields, COUNT(edit_fields)};

/* `wanted` begins zeroed. An instant before this century is a slip, and 0 would mean "none". */
static bool read_wanted(struct admin_call *call, const struct http_request *request,
                        const struct json_shape *shape, struct wanted *wanted)
{
    static const int64_t earliest_ms = INT64_C(946684800000);
    wanted->expires_ms = INT64_MAX; /* null leaves it so */
    if (!admin_read_body(call, request, shape, wanted))
        return false;
    if (wanted->expires_ms < earliest_ms)
        return admin_refuse_field(call, "expires_at", "expires_at: not a time of this century");
    if (wanted->expires_ms == INT64_MAX)
        wanted->expires_ms = 0;
    return true;
}

/* `quota` is where the change finds its number; it lives as long as the change. */
static struct key_change change_of(const struct wanted *wanted, uint32_t *quota)
{
    *quota = (uint32_t)wanted->quota;
    return (struct key_change){
        .name = wanted->name_given ? wanted->name : NULL,
        .quota = wanted->quota_given ? quota : NULL,
        .expires_ms = wanted->expires_given ? &wanted->expires_ms : NULL,
        .resets_moves = wanted->moves_given,
    };
}

/* --- made ----------------------------------------------------------------------------------------------- */

struct create_call {
    struct admin_call call;
    int64_t subscription_id;
    struct wanted wanted;
};

static bool read_create(struct admin_call *of, const struct http_request *request)
{
    struct create_call *call = (struct create_call *)of;
    const struct wanted *wanted = &call->wanted;
    if (!admin_read_id(of, &call->subscription_id) || !read_wanted(of, request, &create_shape, &call->wanted))
        return false;
    if (wanted->expires_ms != 0 && wanted->expires_ms <= wall_clock_ms())
        return admin_refuse_field(of, "expires_at", "expires_at: is past: the key could never be activated");
    return true;
}

static int run_create(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    const struct create_call *call = (const struct create_call *)of;
    struct admin_key outcome;
    uint32_t quota;
    struct key_change change = change_of(&call->wanted, &quota);
    int error = authority_admin_create_key(rows, &of->author, call->subscription_id, &change,
                                           call->wanted.confirm, &outcome, ret_detail);
    if (error != 0)
        return error;
    of->status = 201;
    answer_key(of, &outcome);
    note_key(of, &outcome, "made");
    return 0;
}

const struct admin_action admin_key_create = {sizeof(struct create_call), read_create, run_create, NULL};

/* --- listed --------------------------------------------------------------------------------------------- */

struct list_call {
    struct admin_call call;
    struct admin_page page;
    int64_t subscription_id;
};

static bool read_list(struct admin_call *of, const struct http_request *request)
{
    struct list_call *call = (struct list_call *)of;
    return admin_page_read(of, request, &call->page) &&
           admin_read_number(of, request, "subscription", 1, INT64_MAX, &call->subscription_id);
}

struct key_page {
    const struct admin_call *call;
    struct admin_page *page;
};

static void add_key(void *data, const struct rows_key_line *line)
{
    const struct key_page *keys = data;
    struct json_writer *writer = keys->call->answer;
    json_open_object(writer, NULL);
    write_fields(writer, &line->key, &line->subscription, keys->call->author.now_ms);
    json_close_object(writer);
    admin_page_count(keys->page, line->cursor);
}

int admin_keys_write(struct admin_call *call, struct rows *rows, int64_t subscription_id,
                     struct admin_page *page, const char *next, struct error_detail *ret_detail)
{
    struct key_page keys = {call, page};
    admin_page_begin(call->answer, "keys");
    int error = authority_admin_each_key(rows, call->author.now_ms, subscription_id, page->after, page->limit,
                                         add_key, &keys, ret_detail);
    admin_page_end(call->answer, page, next);
    return error;
}

static int run_list(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct list_call *call = (struct list_call *)of;
    json_open_object(of->answer, NULL);
    int error = admin_keys_write(of, rows, call->subscription_id, &call->page, "next", ret_detail);
    json_close_object(of->answer);
    return error;
}

const struct admin_action admin_key_list = {sizeof(struct list_call), read_list, run_list, NULL};

/* --- one key -------------------------------------------------------------------------------------------- */

struct key_call {
    struct admin_call call;
    char key[LEDGER_KEY_BYTES_MAX + 1];
    struct wanted wanted;
};

static bool read_show(struct admin_call *of, const struct http_request *request)
{
    struct key_call *call = (struct key_call *)of;
    (void)request;
    return admin_read_key(of, of->name, NULL, call->key);
}

static int run_show(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    const struct key_call *call = (const struct key_call *)of;
    struct admin_key outcome;
    int error = authority_admin_key(rows, call->key, of->author.now_ms, &outcome, ret_detail);
    if (error == 0)
        answer_key(of, &outcome);
    return error;
}

const struct admin_action admin_key_show = {sizeof(struct key_call), read_show, run_show, NULL};

static bool read_edit(struct admin_call *of, const struct http_request *request)
{
    struct key_call *call = (struct key_call *)of;
    return admin_read_key(of, of->name, NULL, call->key) &&
           read_wanted(of, request, &edit_shape, &call->wanted);
}

static int run_edit(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    const struct key_call *call = (const struct key_call *)of;
    struct admin_key outcome;
    uint32_t quota;
    struct key_change change = change_of(&call->wanted, &quota);
    int error = authority_admin_edit_key(rows, &of->author, call->key, &change, call->wanted.confirm,
                                         &outcome, ret_detail);
    if (error != 0)
        return error;
    answer_key(of, &outcome);
    note_key(of, &outcome, "edited");
    return 0;
}

const struct admin_action admin_key_edit = {sizeof(struct key_call), read_edit, run_edit, NULL};

static bool read_delete(struct admin_call *of, const struct http_request *request)
{
    struct key_call *call = (struct key_call *)of;
    char confirm[sizeof "false"] = "false";
    if (!admin_read_key(of, of->name, NULL, call->key) ||
        !admin_read_text(of, request, "confirm", confirm, sizeof confirm))
        return false;
    call->wanted.confirm = strcmp(confirm, "true") == 0;
    return call->wanted.confirm || strcmp(confirm, "false") == 0 ||
           admin_refuse_field(of, "confirm", "confirm: true or false");
}

static int run_delete(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    const struct key_call *call = (const struct key_call *)of;
    struct admin_key outcome;
    int error =
        authority_admin_delete_key(rows, &of->author, call->key, call->wanted.confirm, &outcome, ret_detail);
    if (error != 0)
        return error;
    answer_key(of, &outcome);
    note_key(of, &outcome, "deleted");
    return 0;
}

const struct admin_action admin_key_delete = {sizeof(struct key_call), read_delete, run_delete, NULL};
