#include "cloud/api/admin_subscriptions.h"

#include "cloud/api/admin_keys.h"
#include "cloud/bookkeeping.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- as JSON -------------------------------------------------------------------------------------------- */

static void write_fields(struct json_writer *writer, const struct subscription *subscription, int64_t now_ms)
{
    char term[TERM_TEXT_BYTES];
    term_format(&subscription->term, term);
    json_integer(writer, "id", subscription->id);
    json_text(writer, "name", subscription->name);
    json_text(writer, "contract", subscription->contract);
    json_integer(writer, "licences", subscription->licences);
    json_integer(writer, "purchases", (int64_t)subscription->purchases);
    json_text(writer, "term", term);
    json_text(writer, "plan", plan_name(subscription->plan));
    json_text(writer, "channel", channel_name(subscription->channel));
    json_boolean(writer, "renews", subscription->renews);
    json_text(writer, "status", subscription_status_name(subscription_status(subscription, now_ms)));
    json_time(writer, "created_at", subscription->created_ms);
    json_time_or_null(writer, "activated_at", subscription->activated_ms);
    json_time_or_null(writer, "expires_at", subscription->expires_ms);
    json_time_or_null(writer, "cancelled_at", subscription->cancelled_ms);
}

static void write_whole(struct json_writer *writer, const char *name, const struct admin_subscription *of,
                        int64_t now_ms)
{
    json_open_object(writer, name);
    write_fields(writer, &of->subscription, now_ms);
    json_text(writer, "primary_key", of->primary.text);
    json_close_object(writer);
}

static void write_order(struct json_writer *writer, const char *name, const struct order *order)
{
    char term[TERM_TEXT_BYTES] = "";
    bool has_term = order->term.months != 0 || order->term.days != 0;
    if (has_term)
        term_format(&order->term, term);
    json_open_object(writer, name);
    json_integer(writer, "id", order->id);
    json_text(writer, "kind", order_kind_name(order->kind));
    json_boolean(writer, "automatic", order->automatic);
    json_integer(writer, "licences", order->licences);
    json_text(writer, "term", has_term ? term : NULL);
    json_time(writer, "at", order->at_ms);
    json_time_or_null(writer, "expires_before", order->expires_before_ms);
    json_time_or_null(writer, "expires_after", order->expires_after_ms);
    json_close_object(writer);
}

/* --- bought --------------------------------------------------------------------------------------------- */

static const char *const plans[] = {"standard", "premium", NULL};
static const char *const channels[] = {"online", "reseller", NULL};

struct create_call {
    struct admin_call call;
    char name[LEDGER_NAME_BYTES_MAX + 1], contract[LEDGER_CONTRACT_BYTES_MAX + 1];
    char term_text[TERM_TEXT_BYTES];
    int64_t licences;
    int plan, channel;
    bool renews, renews_given;
    struct term term;
};

#define AT(member) offsetof(struct create_call, member)
static const struct json_field create_fields[] = {
    {.name = "name", .type = JSON_TEXT, .offset = AT(name), .max = LEDGER_NAME_BYTES_MAX},
    {.name = "contract", .type = JSON_TEXT, .offset = AT(contract), .max = LEDGER_CONTRACT_BYTES_MAX},
    {.name = "licences",
     .type = JSON_INTEGER,
     .offset = AT(licences),
     .max = LEDGER_LICENCES_MAX,
     .required = true},
    {.name = "term",
     .type = JSON_TEXT,
     .offset = AT(term_text),
     .min = 2,
     .max = TERM_TEXT_BYTES - 1,
     .required = true},
    {.name = "plan", .type = JSON_CHOICE, .offset = AT(plan), .choices = plans},
    {.name = "channel", .type = JSON_CHOICE, .offset = AT(channel), .choices = channels},
    {.name = "renews", .type = JSON_BOOLEAN, .offset = AT(renews), .present_offset = AT(renews_given)},
};
#undef AT
static const struct json_shape create_shape = {create_fields, COUNT(create_fields)};

static bool read_create(struct admin_call *of, const struct http_request *request)
{
    struct create_call *call = (struct create_call *)of;
    return admin_read_body(of, request, &create_shape, call) &&
           admin_read_term(of, call->term_text, &call->term);
}

static int run_create(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    const struct create_call *call = (const struct create_call *)of;
    struct admin_subscription outcome;
    const struct subscription_order wanted = {
        .name = call->name,
        .contract = call->contract,
        .licences = (uint32_t)call->licences,
        .term = call->term,
        .plan = (enum plan)call->plan,
        .channel = (enum channel)call->channel,
        .renews = call->renews_given ? &call->renews : NULL,
    };
    int error = authority_admin_buy(rows, &of->author, &wanted, &outcome, ret_detail);
    of->verdict = outcome.verdict;
    if (error != 0 || of->verdict != LEDGER_GRANTED)
        return error;
    of->status = 201;
    write_whole(of->answer, NULL, &outcome, of->author.now_ms);
    admin_note(of, "subscription %lld: %lld licences bought, term %s", (long long)outcome.subscription.id,
               (long long)call->licences, call->term_text);
    return 0;
}

const struct admin_action admin_subscription_create = {sizeof(struct create_call), read_create, run_create,
                                                       NULL};

/* --- listed --------------------------------------------------------------------------------------------- */

struct list_call {
    struct admin_call call;
    struct admin_page page;
};

static bool read_list(struct admin_call *of, const struct http_request *request)
{
    return admin_page_read(of, request, &((struct list_call *)of)->page);
}

static void add_subscription(void *data, const struct subscription *subscription)
{
    struct list_call *call = data;
    json_open_object(call->call.answer, NULL);
    write_fields(call->call.answer, subscription, call->call.author.now_ms);
    json_close_object(call->call.answer);
    admin_page_count(&call->page, subscription->id);
}

static int run_list(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct list_call *call = (struct list_call *)of;
    json_open_object(of->answer, NULL);
    admin_page_begin(of->answer, "subscriptions");
    int error = authority_admin_each_subscription(rows, of->author.now_ms, call->page.after, call->page.limit,
                                                  add_subscription, call, ret_detail);
    admin_page_end(of->answer, &call->page, "next");
    json_close_object(of->answer);
    return error;
}

const struct admin_action admin_subscription_list = {sizeof(struct list_call), read_list, run_list, NULL};

/* --- its orders ----------------------------------------------------------------------------------------- */

struct orders_call {
    struct admin_call call;
    struct admin_page page;
    int64_t id;
};

static bool read_orders(struct admin_call *of, const struct http_request *request)
{
    struct orders_call *call = (struct orders_call *)of;
    return admin_read_id(of, &call->id) && admin_page_read(of, request, &call->page);
}

struct order_page {
    struct json_writer *writer;
    struct admin_page *page;
};

static void add_order(void *data, const struct order *order)
{
    const struct order_page *orders = data;
    write_order(orders->writer, NULL, order);
    admin_page_count(orders->page, order->id);
}

static int write_orders(struct json_writer *writer, struct rows *rows, int64_t id, struct admin_page *page,
                        const char *next, struct error_detail *ret_detail)
{
    struct order_page orders = {writer, page};
    admin_page_begin(writer, "orders");
    int error = rows_each_order(rows, id, page->after, page->limit, add_order, &orders, ret_detail);
    admin_page_end(writer, page, next);
    return error;
}

static int run_orders(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct orders_call *call = (struct orders_call *)of;
    struct admin_subscription outcome;
    int error = authority_admin_subscription(rows, call->id, of->author.now_ms, &outcome, ret_detail);
    of->verdict = outcome.verdict;
    if (error != 0 || of->verdict != LEDGER_GRANTED)
        return error;
    json_open_object(of->answer, NULL);
    error = write_orders(of->answer, rows, call->id, &call->page, "next", ret_detail);
    json_close_object(of->answer);
    return error;
}

const struct admin_action admin_order_list = {sizeof(struct orders_call), read_orders, run_orders, NULL};

/* --- shown ---------------------------------------------------------------------------------------------- */

struct show_call {
    struct admin_call call;
    int64_t id;
};

static bool read_show(struct admin_call *of, const struct http_request *request)
{
    (void)request;
    return admin_read_id(of, &((struct show_call *)of)->id);
}

/* With its keys and orders, the first page of each. */
static int run_show(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    const struct show_call *call = (const struct show_call *)of;
    struct admin_subscription outcome;
    struct admin_page keys = {.limit = ADMIN_PAGE_MAX}, orders = {.limit = ADMIN_PAGE_MAX};
    int error = authority_admin_subscription(rows, call->id, of->author.now_ms, &outcome, ret_detail);
    of->verdict = outcome.verdict;
    if (error != 0 || of->verdict != LEDGER_GRANTED)
        return error;
    json_open_object(of->answer, NULL);
    write_fields(of->answer, &outcome.subscription, of->author.now_ms);
    json_text(of->answer, "primary_key", outcome.primary.text);
    error = admin_keys_write(of, rows, call->id, &keys, "keys_next", ret_detail);
    if (error == 0)
        error = write_orders(of->answer, rows, call->id, &orders, "orders_next", ret_detail);
    json_close_object(of->answer);
    return error;
}

const struct admin_action admin_subscription_show = {sizeof(struct show_call), read_show, run_show, NULL};

/* --- ordered for ---------------------------------------------------------------------------------------- */

/* What can be ordered for a subscription that is there. */
enum { WANTED_ADD, WANTED_RENEW, WANTED_CANCEL };
static const char *const wanted_kinds[] = {"add", "renew", "cancel", NULL};

struct order_call {
    struct admin_call call;
    int64_t id, licences;
    int kind;
    char term_text[TERM_TEXT_BYTES];
    struct term term;  /* all 0: as the one before */
    bool leaves_farms; /* that are still to be closed */
};

#define AT(member) offsetof(struct order_call, member)
static const struct json_field order_fields[] = {
    {.name = "kind", .type = JSON_CHOICE, .offset = AT(kind), .choices = wanted_kinds, .required = true},
    {.name = "licences", .type = JSON_INTEGER, .offset = AT(licences), .min = 1, .max = LEDGER_LICENCES_MAX},
    {.name = "term",
     .type = JSON_TEXT,
     .offset = AT(term_text),
     .min = 2,
     .max = TERM_TEXT_BYTES - 1,
     .nullable = true},
};
#undef AT
static const struct json_shape order_shape = {order_fields, COUNT(order_fields)};

static bool read_order(struct admin_call *of, const struct http_request *request)
{
    struct order_call *call = (struct order_call *)of;
    if (!admin_read_id(of, &call->id) || !admin_read_body(of, request, &order_shape, call))
        return false;
    if (call->kind == WANTED_ADD && call->licences == 0)
        return admin_refuse_field(of, "licences", "licences: how many more?");
    if (call->kind != WANTED_ADD && call->licences != 0)
        return admin_refuse_field(of, "licences", "licences: only with the kind add");
    if (call->kind != WANTED_RENEW && call->term_text[0] != '\0')
        return admin_refuse_field(of, "term", "term: only with the kind renew");
    return call->term_text[0] == '\0' || admin_read_term(of, call->term_text, &call->term);
}

static int make_order(const struct order_call *call, struct rows *rows, struct admin_subscription *ret,
                      struct error_detail *ret_detail)
{
    const struct audit_author *author = &call->call.author;
    switch (call->kind) {
    case WANTED_ADD:
        return authority_admin_add(rows, author, call->id, (uint32_t)call->licences, ret, ret_detail);
    case WANTED_RENEW:
        return authority_admin_renew(rows, author, call->id, &call->term, ret, ret_detail);
    default:
        return authority_admin_cancel(rows, author, call->id, ret, ret_detail);
    }
}

static int run_order(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct order_call *call = (struct order_call *)of;
    struct admin_subscription outcome;
    int error = make_order(call, rows, &outcome, ret_detail);
    of->verdict = outcome.verdict;
    if (error != 0 || of->verdict != LEDGER_GRANTED)
        return error;
    of->status = 201;
    call->leaves_farms = outcome.closed == BOOKKEEPING_CLOSED_MAX;
    json_open_object(of->answer, NULL);
    write_order(of->answer, "order", &outcome.order);
    write_whole(of->answer, "subscription", &outcome, of->author.now_ms);
    json_close_object(of->answer);
    admin_note(of, "subscription %lld: order %s, now %u licences", (long long)call->id,
               wanted_kinds[call->kind], outcome.subscription.licences);
    return 0;
}

static void finish_order(struct admin_call *of, int error)
{
    const struct order_call *call = (const struct order_call *)of;
    if (error == 0 && call->leaves_farms)
        sweep_soon(of->context->sweep);
}

const struct admin_action admin_order_make = {sizeof(struct order_call), read_order, run_order, finish_order};

/* --- edited --------------------------------------------------------------------------------------------- */

struct edit_call {
    struct admin_call call;
    int64_t id;
    char name[LEDGER_NAME_BYTES_MAX + 1], contract[LEDGER_CONTRACT_BYTES_MAX + 1];
    bool renews, name_given, contract_given, renews_given;
};

#define AT(member) offsetof(struct edit_call, member)
static const struct json_field edit_fields[] = {
    {.name = "name",
     .type = JSON_TEXT,
     .offset = AT(name),
     .max = LEDGER_NAME_BYTES_MAX,
     .present_offset = AT(name_given)},
    {.name = "contract",
     .type = JSON_TEXT,
     .offset = AT(contract),
     .max = LEDGER_CONTRACT_BYTES_MAX,
     .present_offset = AT(contract_given)},
    {.name = "renews", .type = JSON_BOOLEAN, .offset = AT(renews), .present_offset = AT(renews_given)},
};
#undef AT
static const struct json_shape edit_shape = {edit_fields, COUNT(edit_fields)};

static bool read_edit(struct admin_call *of, const struct http_request *request)
{
    struct edit_call *call = (struct edit_call *)of;
    return admin_read_id(of, &call->id) && admin_read_body(of, request, &edit_shape, call);
}

static int run_edit(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    const struct edit_call *call = (const struct edit_call *)of;
    struct admin_subscription outcome;
    const struct subscription_change change = {
        .name = call->name_given ? call->name : NULL,
        .contract = call->contract_given ? call->contract : NULL,
        .renews = call->renews_given ? &call->renews : NULL,
    };
    int error = authority_admin_set_subscription(rows, &of->author, call->id, &change, &outcome, ret_detail);
    of->verdict = outcome.verdict;
    if (error != 0 || of->verdict != LEDGER_GRANTED)
        return error;
    write_whole(of->answer, NULL, &outcome, of->author.now_ms);
    admin_note(of, "subscription %lld edited", (long long)call->id);
    return 0;
}

const struct admin_action admin_subscription_edit = {sizeof(struct edit_call), read_edit, run_edit, NULL};
