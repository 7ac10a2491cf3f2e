#include "cloud/admin/client.h"
#include "cloud/admin/commands.h"
#include "cloud/admin/fields.h"
#include "cloud/admin/list.h"

#include <stdio.h>
#include <string.h>

#define TARGET "/v1/admin/subscriptions"

struct subscription_line {
    char name[FIELD_TEXT_BYTES_MAX + 1], term[FIELD_TEXT_BYTES_MAX + 1], plan[FIELD_TEXT_BYTES_MAX + 1],
        channel[FIELD_TEXT_BYTES_MAX + 1], status[FIELD_TEXT_BYTES_MAX + 1],
        primary_key[FIELD_TEXT_BYTES_MAX + 1], contract[FIELD_LONG_BYTES_MAX + 1];
    int64_t id, licences, purchases, created_at, activated_at, expires_at, cancelled_at;
    bool renews;
};

#define OF struct subscription_line
static const struct json_field fields[] = {
    FIELD_ID(OF, id),
    FIELD_TEXT(OF, name),
    FIELD_NUMBER(OF, licences),
    FIELD_NUMBER(OF, purchases),
    FIELD_TEXT(OF, term),
    FIELD_TEXT(OF, plan),
    FIELD_TEXT(OF, channel),
    FIELD_BOOLEAN(OF, renews),
    FIELD_TEXT(OF, status),
    FIELD_TIME(OF, created_at),
    FIELD_TIME(OF, activated_at),
    FIELD_TIME(OF, expires_at),
    FIELD_TIME(OF, cancelled_at),
    FIELD_LONG(OF, contract),
    FIELD_TEXT(OF, primary_key),
};
#undef OF
static const struct json_shape shape = {fields, FIELDS_COUNT(fields)};

static const struct list_column columns[] = {
    {"ID", "id", LIST_SHOWN},
    {"NAME", "name", LIST_CUT},
    {"LICENCES", "licences", LIST_SHOWN},
    {"TERM", "term", LIST_SHOWN},
    {"STATUS", "status", LIST_SHOWN},
    {"RENEWS", "renews", LIST_SHOWN},
    {"EXPIRES (UTC)", "expires_at", LIST_SHOWN},
    {"PURCHASES", "purchases", LIST_HIDDEN},
    {"PLAN", "plan", LIST_HIDDEN},
    {"CHANNEL", "channel", LIST_HIDDEN},
    {"CREATED (UTC)", "created_at", LIST_HIDDEN},
    {"ACTIVATED (UTC)", "activated_at", LIST_HIDDEN},
    {"CANCELLED (UTC)", "cancelled_at", LIST_HIDDEN},
    {"CONTRACT", "contract", LIST_HIDDEN},
    {"PRIMARY KEY", "primary_key", LIST_HIDDEN},
};
static const struct list subscriptions = {
    .name = "subscriptions",
    .shape = &shape,
    .line_bytes = sizeof(struct subscription_line),
    .columns = columns,
    .column_count = FIELDS_COUNT(columns) - 1, /* the lines of a list have no primary key */
    .when_empty = "no subscriptions yet; farmgate-cloud subscription create makes one",
};

/* --- bought --------------------------------------------------------------------------------------------- */

/* "on" or "off", into the body; false: neither, and that was said. */
static bool put_automatic(struct json_writer *writer, const char *text)
{
    if (text != NULL && strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        (void)fprintf(stderr, "farmgate-cloud: --automatic: on or off\n");
        return false;
    }
    if (text != NULL)
        json_boolean(writer, "renews", strcmp(text, "on") == 0);
    return true;
}

static void put_text(struct json_writer *writer, const char *name, const char *text)
{
    if (text != NULL)
        json_text(writer, name, text);
}

static int tell_bought(const struct admin_options *options, struct local_client_answer *answer)
{
    struct subscription_line line = {.id = 0};
    int code = client_read(&shape, TARGET, answer, &line);
    if (code != ADMIN_OK)
        return code;
    if (options->json)
        (void)printf("%s\n", answer->body);
    else
        (void)printf("subscription %lld: %lld licences, term %s from its first activation on\n"
                     "primary key  %s\n",
                     (long long)line.id, (long long)line.licences, line.term, line.primary_key);
    local_client_answer_finish(answer);
    return ADMIN_OK;
}

int command_subscription_create(const struct admin_options *options)
{
    struct local_client_answer answer;
    if (options->licences < 0 || options->term == NULL) {
        (void)fprintf(stderr, "farmgate-cloud: subscription create needs --licences and --term\n");
        return ADMIN_USAGE;
    }
    struct json_writer *body = json_writer_create(false);
    if (body == NULL)
        return ADMIN_FAILED;
    json_open_object(body, NULL);
    json_integer(body, "licences", options->licences);
    json_text(body, "term", options->term);
    put_text(body, "name", options->name);
    put_text(body, "plan", options->plan);
    put_text(body, "channel", options->channel);
    put_text(body, "contract", options->contract);
    if (!put_automatic(body, options->automatic)) {
        json_writer_destroy(body);
        return ADMIN_USAGE;
    }
    json_close_object(body);
    int code = client_send(options->socket_path, "POST", TARGET, body, NULL, &answer);
    return code != ADMIN_OK ? code : tell_bought(options, &answer);
}

/* --- listed and shown ----------------------------------------------------------------------------------- */

int command_subscription_list(const struct admin_options *options)
{
    return list_print(&subscriptions, &(struct list_how){.socket_path = options->socket_path,
                                                         .target = TARGET,
                                                         .columns = options->columns,
                                                         .json = options->json});
}

struct order_line {
    char kind[FIELD_TEXT_BYTES_MAX + 1], term[FIELD_TEXT_BYTES_MAX + 1];
    int64_t id, licences, at, expires_before, expires_after;
    bool automatic;
};

static int print_orders(const struct admin_options *options, const char *target)
{
#define OF struct order_line
    static const struct json_field order_fields[] = {
        FIELD_ID(OF, id),
        FIELD_TEXT(OF, kind),
        FIELD_BOOLEAN(OF, automatic),
        FIELD_NUMBER(OF, licences),
        FIELD_TEXT(OF, term),
        FIELD_TIME(OF, at),
        FIELD_TIME(OF, expires_before),
        FIELD_TIME(OF, expires_after),
    };
#undef OF
    static const struct json_shape order_shape = {order_fields, FIELDS_COUNT(order_fields)};
    static const struct list_column order_columns[] = {
        {"ORDERED (UTC)", "at", LIST_SHOWN},    {"WHAT", "kind", LIST_SHOWN},
        {"LICENCES", "licences", LIST_SHOWN},   {"TERM", "term", LIST_SHOWN},
        {"BY ITSELF", "automatic", LIST_SHOWN}, {"EXPIRES (UTC)", "expires_after", LIST_SHOWN},
    };
    static const struct list orders = {.name = "orders",
                                       .shape = &order_shape,
                                       .line_bytes = sizeof(struct order_line),
                                       .columns = order_columns,
                                       .column_count = FIELDS_COUNT(order_columns),
                                       .when_empty = "no orders"};
    return list_print(&orders, &(struct list_how){.socket_path = options->socket_path, .target = target});
}

static int print_parts(const struct admin_options *options)
{
    char keys[CLIENT_TARGET_BYTES] = "/v1/admin/keys", orders[CLIENT_TARGET_BYTES];
    if (!client_parameter(keys, "subscription", options->arguments[0]) ||
        !client_target(orders, TARGET "/", options->arguments[0], "/orders"))
        return ADMIN_DATA;
    (void)printf("\n");
    int code = command_key_list_of(options, keys);
    (void)printf("\n");
    return code != ADMIN_OK ? code : print_orders(options, orders);
}

int command_subscription_show(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES];
    struct local_client_answer answer;
    struct subscription_line line = {.id = 0};
    struct list whole = subscriptions;
    whole.column_count = FIELDS_COUNT(columns);
    if (!client_target(target, TARGET "/", options->arguments[0], ""))
        return ADMIN_DATA;
    int code = client_call(options->socket_path, "GET", target, NULL, &answer);
    if (code == ADMIN_OK)
        code = client_read(&shape, target, &answer, &line);
    if (code != ADMIN_OK)
        return code;
    if (options->json)
        (void)printf("%s\n", answer.body);
    else
        list_print_line(&whole, &line);
    local_client_answer_finish(&answer);
    return options->json ? ADMIN_OK : print_parts(options);
}

/* --- changed -------------------------------------------------------------------------------------------- */

/* Sends an order and says what has become of the subscription. */
static int send_order(const struct admin_options *options, struct json_writer *body)
{
    struct outcome {
        struct subscription_line subscription;
    } outcome = {.subscription = {.id = 0}};
    static const struct json_field outcome_fields[] = {
        {.name = "subscription", .type = JSON_OBJECT, .offset = 0, .shape = &shape, .required = true}};
    static const struct json_shape outcome_shape = {outcome_fields, FIELDS_COUNT(outcome_fields)};
    char target[CLIENT_TARGET_BYTES];
    struct local_client_answer answer;

    if (!client_target(target, TARGET "/", options->arguments[0], "/orders")) {
        json_writer_destroy(body);
        return ADMIN_DATA;
    }
    int code = client_send(options->socket_path, "POST", target, body, NULL, &answer);
    if (code == ADMIN_OK)
        code = client_read(&outcome_shape, target, &answer, &outcome);
    if (code != ADMIN_OK)
        return code;
    if (options->json)
        (void)printf("%s\n", answer.body);
    else
        list_print_line(&subscriptions, &outcome.subscription);
    local_client_answer_finish(&answer);
    return ADMIN_OK;
}

static struct json_writer *begin_order(const char *kind)
{
    struct json_writer *body = json_writer_create(false);
    if (body == NULL)
        return NULL;
    json_open_object(body, NULL);
    json_text(body, "kind", kind);
    return body;
}

static int order_renewal(const struct admin_options *options, const char *term)
{
    struct json_writer *body = begin_order("renew");
    if (body == NULL)
        return ADMIN_FAILED;
    put_text(body, "term", term);
    json_close_object(body);
    return send_order(options, body);
}

int command_subscription_order(const struct admin_options *options)
{
    const char *term = options->argument_count > 1 ? options->arguments[1] : NULL;
    if (options->renew == (options->add >= 0) || (term != NULL && !options->renew)) {
        (void)fprintf(stderr, "farmgate-cloud: subscription order takes --add N, or --renew [TERM]\n");
        return ADMIN_USAGE;
    }
    if (options->renew)
        return order_renewal(options, term);
    struct json_writer *body = begin_order("add");
    if (body == NULL)
        return ADMIN_FAILED;
    json_integer(body, "licences", options->add);
    json_close_object(body);
    return send_order(options, body);
}

int command_subscription_cancel(const struct admin_options *options)
{
    struct json_writer *body = begin_order("cancel");
    if (body == NULL)
        return ADMIN_FAILED;
    json_close_object(body);
    return send_order(options, body);
}

/* Sends what is to be changed of it, and says how it stands then. */
static int send_edit(const struct admin_options *options, struct json_writer *body, bool quiet)
{
    char target[CLIENT_TARGET_BYTES];
    struct local_client_answer answer;
    struct subscription_line line = {.id = 0};
    if (!client_target(target, TARGET "/", options->arguments[0], "")) {
        json_writer_destroy(body);
        return ADMIN_DATA;
    }
    int code = client_send(options->socket_path, "PATCH", target, body, NULL, &answer);
    if (code == ADMIN_OK)
        code = client_read(&shape, target, &answer, &line);
    if (code != ADMIN_OK)
        return code;
    if (!quiet && options->json)
        (void)printf("%s\n", answer.body);
    else if (!quiet)
        list_print_line(&subscriptions, &line);
    local_client_answer_finish(&answer);
    return ADMIN_OK;
}

int command_subscription_rename(const struct admin_options *options)
{
    struct json_writer *body = json_writer_create(false);
    if (body == NULL)
        return ADMIN_FAILED;
    json_open_object(body, NULL);
    json_text(body, "name", options->arguments[1]);
    put_text(body, "contract", options->contract);
    json_close_object(body);
    return send_edit(options, body, false);
}

int command_subscription_renew(const struct admin_options *options)
{
    bool orders = options->automatic == NULL || options->term != NULL;
    if (options->automatic != NULL) {
        struct json_writer *body = json_writer_create(false);
        if (body == NULL)
            return ADMIN_FAILED;
        json_open_object(body, NULL);
        if (!put_automatic(body, options->automatic)) {
            json_writer_destroy(body);
            return ADMIN_USAGE;
        }
        json_close_object(body);
        int code = send_edit(options, body, orders);
        if (code != ADMIN_OK)
            return code;
    }
    return orders ? order_renewal(options, options->term) : ADMIN_OK;
}
