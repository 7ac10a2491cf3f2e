#include "cloud/authority_admin.h"

#include "cloud/bookkeeping.h"
#include "common/licence_key.h"

#include <stdlib.h>
#include <string.h>

/* A key, with all that a decision about it needs. */
struct key_load {
    struct subscription subscription;
    struct key primary, key; /* the key is unused if it is the primary key, or a new one */
    struct key_case of;
};

/* The last reported peak of the farm that runs on the key; 0: none runs. */
static int load_peak(struct rows *rows, const struct key *key, int64_t *ret_peak,
                     struct error_detail *ret_detail)
{
    *ret_peak = 0;
    if (key->holder[0] == '\0')
        return 0;
    struct usage *usage = malloc(sizeof *usage); /* too large for a pool thread's stack */
    if (usage == NULL)
        return ERROR_NO_MEMORY;
    int error = rows_usage(rows, key->holder, usage, ret_detail);
    if (error == 0)
        *ret_peak = usage_last_peak(usage);
    free(usage);
    return error;
}

static int count_keys(struct rows *rows, int64_t subscription_id, uint64_t *ret_count,
                      struct error_detail *ret_detail)
{
    struct key_sum sum;
    int error = rows_key_sum(rows, subscription_id, &sum, ret_detail);
    if (error == 0)
        *ret_count = sum.keys;
    return error;
}

/* What concerns every key of a subscription. ERROR_NOT_FOUND: there is no such subscription. */
static int load_subscription(struct rows *rows, int64_t id, int64_t now_ms, bool confirmed,
                             struct key_load *ret, struct error_detail *ret_detail)
{
    int error = bookkeeping_subscription(rows, id, now_ms, &ret->subscription, ret_detail);
    if (error != 0)
        return error;
    ret->of = (struct key_case){
        .subscription = &ret->subscription, .primary = &ret->primary, .confirmed = confirmed};
    error = rows_key_primary(rows, id, &ret->primary, ret_detail);
    if (error == 0)
        error = count_keys(rows, id, &ret->of.key_count, ret_detail);
    return error != 0 ? error : load_peak(rows, &ret->primary, &ret->of.primary_peak, ret_detail);
}

/* ERROR_NOT_FOUND: there is no such key. */
static int load_key(struct rows *rows, const char *key, int64_t now_ms, bool confirmed, struct key_load *ret,
                    struct error_detail *ret_detail)
{
    int error = rows_key_by_text(rows, key, &ret->key, ret_detail);
    if (error == 0)
        error = load_subscription(rows, ret->key.subscription_id, now_ms, confirmed, ret, ret_detail);
    if (error != 0 || ret->key.primary)
        return error;
    ret->of.key = &ret->key;
    return load_peak(rows, &ret->key, &ret->of.key_peak, ret_detail);
}

/* Only now, for what was looked up may stand in *ret. */
static int not_found(int error, enum ledger_verdict verdict, struct admin_key *ret)
{
    if (error != ERROR_NOT_FOUND)
        return error;
    *ret = (struct admin_key){.verdict = verdict};
    return 0;
}

static struct key *loaded_key(struct key_load *load)
{
    return load->of.key != NULL ? &load->key : &load->primary;
}

/* `quota` is what was wanted. A key that is deleted has none, however small its farm's peak is. */
static void show_loss(const struct key_load *load, uint32_t quota, struct admin_key *ret)
{
    ret->loss = (struct key_loss){.quota = quota, .peak = load->of.key_peak};
    (void)key_loss_of(&load->of, quota, &ret->loss);
    const struct key *loses = ret->loss.of_primary ? &load->primary : &load->key;
    memcpy(ret->losing_farm, loses->holder, sizeof ret->losing_farm);
}

static void show(const struct key_load *load, const struct key *key, enum ledger_verdict verdict,
                 const uint32_t *quota, struct admin_key *ret)
{
    *ret = (struct admin_key){.verdict = verdict,
                              .quota_left = key_quota_left(&load->of),
                              .subscription = load->subscription,
                              .key = *key};
    if (verdict == LEDGER_BELOW_PEAK)
        show_loss(load, *quota, ret);
}

/* Writes the key, and the primary key with what it gave or got back. */
static int keep(struct rows *rows, const struct audit_author *author, enum audit_change change,
                struct key_load *load, const struct key *before, struct key *key,
                struct error_detail *ret_detail)
{
    int error = rows_key_put(rows, &load->primary, ret_detail);
    if (error == 0 && key != &load->primary)
        error = rows_key_put(rows, key, ret_detail);
    if (error == 0)
        error = bookkeeping_check(rows, &load->subscription, ret_detail);
    return error != 0 ? error : audit_key(rows, author, change, before, key, ret_detail);
}

int authority_admin_create_key(struct rows *rows, const struct audit_author *author, int64_t subscription_id,
                               const struct key_change *wanted, bool confirmed, struct admin_key *ret,
                               struct error_detail *ret_detail)
{
    struct key_load load = {.of = {.key = NULL}};
    struct key key = {.id = 0};
    char text[LICENCE_KEY_TEXT_BYTES];

    int error = load_subscription(rows, subscription_id, author->now_ms, confirmed, &load, ret_detail);
    if (error != 0)
        return not_found(error, LEDGER_UNKNOWN_SUBSCRIPTION, ret);
    licence_key_generate(text);
    enum ledger_verdict verdict = key_create(&load.of, text, wanted, author->now_ms, &key);
    if (verdict == LEDGER_GRANTED)
        error = keep(rows, author, AUDIT_KEY_CREATE, &load, NULL, &key, ret_detail);
    show(&load, &key, verdict, wanted->quota, ret);
    return error;
}

static bool differ(const struct key *a, const struct key *b)
{
    return a->quota != b->quota || a->expires_ms != b->expires_ms || a->moves != b->moves ||
           strcmp(a->name, b->name) != 0;
}

int authority_admin_edit_key(struct rows *rows, const struct audit_author *author, const char *key,
                             const struct key_change *change, bool confirmed, struct admin_key *ret,
                             struct error_detail *ret_detail)
{
    struct key_load load = {.of = {.key = NULL}};

    int error = load_key(rows, key, author->now_ms, confirmed, &load, ret_detail);
    if (error != 0)
        return not_found(error, LEDGER_UNKNOWN_KEY, ret);
    struct key *edited = loaded_key(&load), before = *edited;
    enum ledger_verdict verdict = key_edit(&load.of, change);
    if (verdict == LEDGER_GRANTED && differ(&before, edited))
        error = keep(rows, author, AUDIT_KEY_EDIT, &load, &before, edited, ret_detail);
    show(&load, edited, verdict, change->quota, ret);
    return error;
}

/* The farm on a key that is deleted is closed, and the key is nobody's. */
static int close_holder(struct rows *rows, const struct audit_author *author, struct key *key,
                        struct error_detail *ret_detail)
{
    struct farm farm;
    if (key->holder[0] == '\0')
        return 0;
    int error = rows_farm(rows, key->holder, &farm, ret_detail);
    if (error == 0)
        error = bookkeeping_close_farm(rows, author, &farm, AUDIT_FARM_DEACTIVATE, FARM_REASON_KEY_DELETED,
                                       ret_detail);
    return error != 0 ? error : rows_key(rows, key->id, key, ret_detail);
}

int authority_admin_delete_key(struct rows *rows, const struct audit_author *author, const char *key,
                               bool confirmed, struct admin_key *ret, struct error_detail *ret_detail)
{
    struct key_load load = {.of = {.key = NULL}};

    int error = load_key(rows, key, author->now_ms, confirmed, &load, ret_detail);
    if (error != 0)
        return not_found(error, LEDGER_UNKNOWN_KEY, ret);
    struct key *deleted = loaded_key(&load), before = *deleted;
    const uint32_t nothing = 0;
    enum ledger_verdict verdict = key_delete(&load.of, author->now_ms);
    if (verdict == LEDGER_GRANTED)
        error = keep(rows, author, AUDIT_KEY_DELETE, &load, &before, deleted, ret_detail);
    if (verdict == LEDGER_GRANTED && error == 0)
        error = close_holder(rows, author, deleted, ret_detail);
    show(&load, deleted, verdict, &nothing, ret);
    return error;
}

int authority_admin_key(struct rows *rows, const char *key, int64_t now_ms, struct admin_key *ret,
                        struct error_detail *ret_detail)
{
    struct key_load load = {.of = {.key = NULL}};

    int error = load_key(rows, key, now_ms, false, &load, ret_detail);
    if (error != 0)
        return not_found(error, LEDGER_UNKNOWN_KEY, ret);
    show(&load, loaded_key(&load), LEDGER_GRANTED, NULL, ret);
    return 0;
}
